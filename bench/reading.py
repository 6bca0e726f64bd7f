"""What is measured of reading: readers who move on, visits that are written, and what writing them adds to the storm."""

import json
import sqlite3
import time
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
    """The storm in sixteen rooms of one server in turns, all watched by everybody; eight of them are recorded."""
    settings = {"ALSOHERE_HISTORY": "/read/*", "ALSOHERE_API_KEY": API_KEY}
    rooms = [(f"/read/{number}", f"/else/{number}") for number in range(effort.turns)]
    us: dict[str, list[float]] = {"read": [], "else": []}
    with sqlite_file() as url, Rig(peer, settings | {"ALSOHERE_DATABASE_URL": url}) as rig:
        connected = rig.connect(WATCHERS + CHURNERS, "")["ready"]
        if connected != WATCHERS + CHURNERS:
            raise Stuck(f"{connected} of {WATCHERS + CHURNERS} connected")
        everywhere = json.dumps({"rooms": [room for pair in rooms for room in pair], "watch": "full"})
        rig.tell(WATCHERS, f'420["room:watch",{everywhere}]')
        for room in rooms[0] * 2:  # the first seconds of a server are its dearest
            storm_us(rig, room, effort.turn_s)
        for number, (read, other) in enumerate(rooms):
            # read else else read …: what changes over time touches both alike
            for room in (read, other) if number % 2 == 0 else (other, read):
                us[room.split("/")[1]].append(storm_us(rig, room, effort.turn_s))
        if not written(url):
            raise Stuck("no visit was recorded")
    recorded, other_us = median(us["read"]), median(us["else"])
    return {"history_us": recorded - other_us, "history_percent": (recorded / other_us - 1) * 100}


def in_room(room: str, text: str) -> str:
    """What is said of the storm's room, of another one."""
    return text.replace('"s"', f'"{room}"')


def storm_us(rig: Rig, room: str, seconds: float) -> float:
    """The server's CPU for each enter of a storm, until the last visit is written."""
    before_s = rig.server_cpu_s()
    enter, leave = in_room(room, rig.peer.enter), in_room(room, rig.peer.leave)
    answer = rig.storm(WATCHERS, 0, seconds, ENTERS_PER_S, STAY_S, SAMPLED, enter, leave)
    # Whoever asks how a room was read, also one without a reader, is answered when all that is over has been written.
    asked = Request(f"http://127.0.0.1:{rig.port}/api/v1/reading/nobody", headers={"Authorization": f"Bearer {API_KEY}"})
    urlopen(asked, timeout=10).close()
    return (rig.server_cpu_s() - before_s) / answer["all_entered"] * 1e6
