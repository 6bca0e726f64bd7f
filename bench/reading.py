"""What is measured of reading: readers who move on, visits that are written, and what writing them adds to the storm."""

import sqlite3
import time
from statistics import median

from databases import sqlite_file
from locking import CLIENTS, UNLIMITED
from peers import Peer
from rig import Rig, Stuck
from scenarios import Effort, Sample, storm_audience, storm_window

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
    """The storm against two servers in turns: one records its room, the other none. Both have a database, and both stand by while
    the other is measured.
    """
    with sqlite_file() as one, sqlite_file() as other:
        recording = Rig(peer, {"ALSOHERE_DATABASE_URL": one, "ALSOHERE_HISTORY": "s"})
        plain = Rig(peer, {"ALSOHERE_DATABASE_URL": other})
        us: dict[Rig, list[float]] = {recording: [], plain: []}
        with recording, plain:
            for rig in us:
                storm_audience(rig)
            for turn in range(effort.turns):
                for rig in (recording, plain) if turn % 2 else (plain, recording):
                    answer = storm_window(rig, effort.turn_s, warm_s=0.4)
                    us[rig].append(answer["server_cpu_s"] / answer["entered"] * 1e6)
        if not written(one):
            raise Stuck("no visit was recorded")
    with_it, without_it = median(us[recording]), median(us[plain])
    return {"history_us": with_it - without_it, "history_percent": (with_it / without_it - 1) * 100}
