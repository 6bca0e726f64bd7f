"""What is measured of locks: how many are got and given back per second, and one lock that five hundred wait for."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from peers import Peer
from rig import Rig, Stuck
from scenarios import Effort, Sample

Database = Callable[[], AbstractContextManager[str]]
CLIENTS, WAITERS = 64, 500
ACQUIRE = '420["lock:acquire",{"lock":"/documents/%d"}]'
RELEASE = '421["lock:release",{"lock":"/documents/%d"}]'
WATCH = '420["room:watch",{"rooms":["/document"],"watch":"full"}]'
# Nobody works so fast: without this, the limit on what one client may send would be measured.
UNLIMITED = {"ALSOHERE_PACKETS_PER_S": "1000000", "ALSOHERE_PACKET_BURST": "1000000", "ALSOHERE_USER_EVENTS_PER_S": "0"}


def lock_pairs(database: Database, peer: Peer, effort: Effort) -> Sample:
    """Each client acquires a lock of its own and releases it, each command once the one before it is acknowledged."""
    with database() as url, Rig(peer, UNLIMITED | {"ALSOHERE_DATABASE_URL": url}) as rig:
        rig.connect(CLIENTS, "")
        answer = rig.pairs(CLIENTS, effort.pairs_s, ACQUIRE, RELEASE)
    if answer["refused"] or answer["unanswered"]:
        raise Stuck(f"{answer['refused']} lock commands were refused, {answer['unanswered']} not answered")
    return {
        "lock_pairs_per_s": answer["pairs"] / answer["seconds"],
        "lock_p50_ms": answer["p50_s"] * 1000,
        "lock_p99_ms": answer["p99_s"] * 1000,
        "lock_us": answer["server_cpu_s"] / answer["pairs"] * 1e6,
        "lock_cpu": answer["server_cpu_s"] / answer["seconds"] * 100,
    }


def lock_queue(database: Database, peer: Peer, effort: Effort) -> Sample:
    """Five hundred wait for one lock; whoever gets it gives it back at once, and waits for it again. All watch its room."""
    acquire, release = ACQUIRE.replace("s/%d", ""), RELEASE.replace("s/%d", "")
    settings = UNLIMITED | {"ALSOHERE_LOCK_QUEUE": str(WAITERS)}
    with database() as url, Rig(peer, settings | {"ALSOHERE_DATABASE_URL": url}) as rig:
        rig.connect(WAITERS + 1, WATCH)
        rig.tell(1, acquire)
        rig.tell(WAITERS + 1, acquire)  # the first has it already, and is told so
        answer = rig.chain(effort.pairs_s, '42["lock:changed"', '42["lock:granted"', release, acquire)
    if answer["hand_ons"] < WAITERS / 10:
        raise Stuck(f"the lock changed hands only {answer['hand_ons']} times")
    return {
        "queue_p50_ms": answer["p50_s"] * 1000,
        "queue_p99_ms": answer["p99_s"] * 1000,
        "queue_hand_ons_per_s": answer["hand_ons"] / answer["seconds"],
        "queue_frames": answer["counted"] / answer["seconds"] / (WAITERS + 1),
        "queue_cpu": answer["server_cpu_s"] / answer["seconds"] * 100,
    }
