"""What is measured of messages: passing ones, those that last, what waited for somebody who logs in, and one for everybody."""

import sqlite3
from statistics import mean, median, quantiles

from databases import sqlite_file
from locking import UNLIMITED, Database
from peers import Peer, event_data
from posting import API_KEY, post, request
from rig import Rig, Stuck
from scenarios import Effort, Sample

SETTINGS = UNLIMITED | {
    "ALSOHERE_API_KEY": API_KEY,
    "ALSOHERE_API_REQUESTS_PER_S": "1000000",
    "ALSOHERE_API_REQUEST_BURST": "1000000",
    "BENCH_USERS": "1",
}
CROWD, PUSHES, AT_ONCE = 10_000, 5, 1000
RECEIVERS, IN_BATCH, BATCHES, SINGLE, CLIENTS = 1000, 100, 100, 3000, 16
LOGINS, UNREAD = 100, 200
KNOWN, PRESENT = 100_000, 2000
TICK, NOTIFICATION = '["tick"', '["notification"'


def user(number: int) -> str:
    """The load generator's connections are these users, in order."""
    return f"bench-visitor-{number:05d}"


def notification(*receivers: int) -> dict[str, object]:
    return {"to": [user(number) for number in receivers], "category": "message", "title": "A comment", "body": "x" * 100}


def push(peer: Peer, _effort: Effort) -> Sample:
    """One back end pushes an event to ten thousand users, by name, in one request."""
    pushes = [
        {"name": "tick", "data": event_data(), "to": [user(number) for number in range(first, first + AT_ONCE)]}
        for first in range(0, CROWD, AT_ONCE)
    ]
    sent = request("/push/batch", {"pushes": pushes})
    with Rig(peer, SETTINGS) as rig:
        connect(rig, CROWD)
        reached = [reach(rig, sent, CROWD, TICK) for _ in range(PUSHES)]
    return {
        "push_ms": median(milliseconds for milliseconds, _ in reached),
        "push_us": mean(cpu_s for _, cpu_s in reached) / CROWD * 1e6,
    }


def durable(database: Database, peer: Peer, _effort: Effort) -> Sample:
    """Back ends send notifications that are kept: in batches and one by one, to people who are away, and who are here."""
    batches = [
        request("/notifications/batch", {"notifications": [notification((start + n) % RECEIVERS) for n in range(IN_BATCH)]})
        for start in range(0, BATCHES * IN_BATCH, IN_BATCH)
    ]
    singles = [request("/notifications", notification(n % RECEIVERS)) for n in range(SINGLE)]
    sample: Sample = {}
    with database() as url, Rig(peer, SETTINGS | {"ALSOHERE_DATABASE_URL": url}) as rig:
        post(rig.port, batches[:10])
        posted = post(rig.port, batches, 4)
        sample["notify_per_s"] = BATCHES * IN_BATCH / (posted.ended_s - posted.begun_s)
        posted = post(rig.port, singles, CLIENTS)
        sample["notify_single_per_s"] = SINGLE / (posted.ended_s - posted.begun_s)
        sample["notify_single_p99_ms"] = quantiles(posted.took_s, n=100)[98] * 1000
    with database() as url, Rig(peer, SETTINGS | {"ALSOHERE_DATABASE_URL": url}) as rig:
        connect(rig, RECEIVERS)
        ended_s = begun_s = 0.0

        def send() -> None:
            nonlocal begun_s, ended_s
            begun_s, ended_s, _ = post(rig.port, batches, 4)

        answer = rig.receive(BATCHES * IN_BATCH, NOTIFICATION, send)
        if answer["received"] != BATCHES * IN_BATCH:
            raise Stuck(f"{answer['received']} of {BATCHES * IN_BATCH} notifications came")
        sample["notify_online_per_s"] = BATCHES * IN_BATCH / (max(ended_s, answer["last_at_s"]) - begun_s)
        sample["notify_online_us"] = answer["server_cpu_s"] / (BATCHES * IN_BATCH) * 1e6
    return sample


def drain(peer: Peer, _effort: Effort) -> Sample:
    """People log in one after the other; two hundred notifications wait for each, and come in order, acknowledged in batches."""
    everybody = request("/notifications", notification(*range(LOGINS)))
    with sqlite_file() as url, Rig(peer, SETTINGS | {"ALSOHERE_DATABASE_URL": url}) as rig:
        post(rig.port, [everybody] * UNREAD, 4)
        answer = rig.logins(LOGINS, UNREAD, NOTIFICATION)
    if answer["logins"] != LOGINS:
        raise Stuck(f"{answer['logins']} of {LOGINS} got all that waited for them")
    return {"drain_p50_ms": answer["p50_s"] * 1000, "drain_p99_ms": answer["p99_s"] * 1000}


def broadcast(peer: Peer, _effort: Effort) -> Sample:
    """A hundred thousand people have something in their inboxes, two thousand of them are here; and something is sent to all."""
    known = [request("/notifications", notification(*range(first, first + AT_ONCE))) for first in range(0, KNOWN, AT_ONCE)]
    everyone = request("/notifications", {"everyone": True, "category": "announcement", "title": "Closing at six"})
    with sqlite_file() as url, Rig(peer, SETTINGS | {"ALSOHERE_DATABASE_URL": url}) as rig:
        post(rig.port, known, 4)
        connect(rig, PRESENT)
        rig.idle(0.5)  # until they have got what waited for them
        before = rows(url)
        milliseconds, _ = reach(rig, everyone, PRESENT, NOTIFICATION)
        return {"broadcast_ms": milliseconds, "broadcast_rows": rows(url) - before}


def connect(rig: Rig, count: int) -> None:
    ready = rig.connect(count, "")["ready"]
    if ready != count:
        raise Stuck(f"{ready} of {count} connected")


def reach(rig: Rig, sent: bytes, count: int, event: str) -> tuple[float, float]:
    """Post something that so many connections get; returns milliseconds until the last has it, and the server's CPU seconds."""
    begun_s = 0.0

    def send() -> None:
        nonlocal begun_s
        begun_s = post(rig.port, [sent]).begun_s

    answer = rig.receive(count, event, send)
    if answer["received"] != count:
        raise Stuck(f"{answer['received']} of {count} got it")
    return (answer["last_at_s"] - begun_s) * 1000, answer["server_cpu_s"]


def rows(url: str) -> int:
    """Rows of all inboxes and of all that was sent."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("notifications", "inbox"))
