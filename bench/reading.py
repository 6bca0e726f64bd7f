"""What is measured of reading: readers who move on, visits that are written, and what writing them adds to the storm."""

import json
import sqlite3
import time
from contextlib import ExitStack
from math import sqrt
from statistics import median
from urllib.request import Request, urlopen

from databases import sqlite_file
from locking import CLIENTS, UNLIMITED
from peers import Peer
from posting import API_KEY
from rig import Rig, Stuck
from scenarios import CHURNERS, ENTERS_PER_S, STAY_S, WATCHERS, Effort, Sample

READERS, IN_ROOM, SAMPLED = 10_000, 100, 20
ENTER_ARTICLE = '420["room:enter",{"room":"/articles/%d","watch":"full","state":{"position":0}}]'
MOVE_ON = '42["room:update",{"room":"/articles/%d","state":{"position":%d}}]'
ENTER = '420["room:enter",{"room":"/articles/%d","watch":"none"}]'
LEAVE = '421["room:leave",{"room":"/articles/%d"}]'


def positions(peer: Peer, effort: Effort) -> Sample:
    """Ten thousand readers in a hundred rooms, each of whom moves on once a second and sees the others do so."""
    with Rig(peer) as rig:
        ready = rig.connect(READERS, ENTER_ARTICLE, group=IN_ROOM)["ready"]
        if ready != READERS:
            raise Stuck(f"{ready} of {READERS} readers connected")
        answer = rig.positions(IN_ROOM, effort.positions_s, SAMPLED, '"position":', MOVE_ON)
        memory_kb = rig.memory_kb_per_connection(READERS)
    return {
        "position_cpu": answer["server_cpu_s"] / answer["seconds"] * 100,
        "position_us": answer["server_cpu_s"] / answer["updates"] * 1e6,
        "position_frames": answer["frames"] / answer["seconds"] / READERS,
        "position_p50_ms": answer["p50_s"] * 1000,
        "position_p99_ms": answer["p99_s"] * 1000,
        "position_seen": answer["seen"] / answer["expected"] * 100,
        "position_kb": memory_kb,
        "position_load_cpu": answer["load_cpu_s"] / answer["seconds"] * 100,
    }


def visits(peer: Peer, effort: Effort) -> Sample:
    """Clients enter a room and leave it again, as fast as the server lets them; each time, that is a visit to be written."""
    with sqlite_file() as url, Rig(peer, UNLIMITED | {"ALSOHERE_DATABASE_URL": url, "ALSOHERE_HISTORY": "/articles/*"}) as rig:
        rig.connect(CLIENTS, "")
        rig.pairs(CLIENTS, 0.1, ENTER, LEAVE)
        start_s, before = time.monotonic(), written(url)
        if rig.pairs(CLIENTS, effort.pairs_s, ENTER, LEAVE)["refused"]:
            raise Stuck("some were refused to enter or leave")
        return {"visits_per_s": (written(url) - before) / (time.monotonic() - start_s)}


def written(url: str) -> int:
    """Visits in a SQLite database."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]


def history(peer: Peer, effort: Effort) -> Sample:
    """The storm in two servers at once, watched by everybody: while one records it, the other does not, and then the other way.

    What a visit adds is less than what one second differs from the next, so both are measured in the same one; and two processes
    of the same program differ, so each is both.
    """
    settings = {"ALSOHERE_HISTORY": "/read/*", "ALSOHERE_API_KEY": API_KEY}
    rooms = [f"/{kind}/{turn}" for turn in range(effort.turns) for kind in ("read", "else")]
    with sqlite_file() as url, sqlite_file() as another, ExitStack() as stack:
        rigs = [stack.enter_context(Rig(peer, settings | {"ALSOHERE_DATABASE_URL": database})) for database in (url, another)]
        for rig in rigs:
            connected = rig.connect(WATCHERS + CHURNERS, "")["ready"]
            if connected != WATCHERS + CHURNERS:
                raise Stuck(f"{connected} of {WATCHERS + CHURNERS} connected")
            rig.tell(WATCHERS, f'420["room:watch",{json.dumps({"rooms": rooms, "watch": "full"})}]')
        for room in rooms[:2]:  # the first seconds of a server are its dearest
            storms_us(rigs, (room, room), effort.turn_s)
        added, other = [], []
        for turn in range(effort.turns):
            read, unread = f"/read/{turn}", f"/else/{turn}"
            first = storms_us(rigs, (read, unread), effort.turn_s)
            second = storms_us(rigs, (unread, read), effort.turn_s)
            added.append(sqrt(first[0] / first[1] * second[1] / second[0]) - 1)
            other += [first[1], second[0]]
        if not written(url) or not written(another):
            raise Stuck("no visit was recorded")
    return {"history_us": median(added) * median(other), "history_percent": median(added) * 100}


def in_room(room: str, text: str) -> str:
    """What is said of the storm's room, of another one."""
    return text.replace('"s"', f'"{room}"')


def storms_us(rigs: list[Rig], rooms: tuple[str, str], seconds: float) -> list[float]:
    """A storm in each, at the same time: the server's CPU for each enter, until the last visit is written."""
    before_s = [rig.server_cpu_s() for rig in rigs]
    for rig, room in zip(rigs, rooms, strict=True):
        enter, leave = in_room(room, rig.peer.enter), in_room(room, rig.peer.leave)
        rig.begin_storm(WATCHERS, 0, seconds, ENTERS_PER_S, STAY_S, SAMPLED, enter, leave)
    answers = [rig.end_storm(seconds) for rig in rigs]
    for rig in rigs:
        # Whoever asks how a room was read, also one without a reader, is answered when all that is over has been written.
        asked = Request(f"http://127.0.0.1:{rig.port}/api/v1/reading/nobody", headers={"Authorization": f"Bearer {API_KEY}"})
        urlopen(asked, timeout=10).close()
    return [
        (rig.server_cpu_s() - before) / answer["all_entered"] * 1e6
        for rig, before, answer in zip(rigs, before_s, answers, strict=True)
    ]
