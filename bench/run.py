"""The benchmark: alsohere beside Node's socket.io, python-socketio and a C program that only sends, in one run on one machine.

    python bench/run.py [--quick] [--write] [--only SERVER …] [--scenario NAME …]

Prints two tables: the servers beside each other, and what only alsohere does. `--quick` takes one sample of each (under three
minutes), the full run three (under 8 minutes). `--write` puts the tables into docs/reference/benchmarks.md.
"""

import argparse
import fcntl
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import rows
from databases import postgres_database, sqlite_file
from locking import lock_pairs, lock_queue
from messaging import broadcast, drain, durable, push
from page import write_page
from peers import ALSOHERE, BENCH, BUILD, PEERS, Peer
from reading import history, positions, visits
from report import Results
from rig import LOAD_CORE, Stuck
from scenarios import Effort, Sample, crowd, storm

FULL = Effort(3, {1000: 200_000, 10000: 150_000}, storm_s=5, idle_s=1, positions_s=3, pairs_s=1.5, turns=8, turn_s=1)
QUICK = Effort(1, {1000: 100_000, 10000: 150_000}, storm_s=3, idle_s=0.5, positions_s=3, pairs_s=1.5, turns=8, turn_s=1)

LARGEST = 10_000  # connections
MOST_BY_OTHERS = 0.1  # of the machine's CPU; beyond that the page is not written


class Scenario(NamedTuple):
    """Something that is measured of some servers."""

    name: str
    peers: tuple[Peer, ...]
    measure: Callable[[Peer, Effort], Sample]


SCENARIOS = (
    Scenario(rows.SMALL, PEERS, partial(crowd, 1000)),
    Scenario(rows.LARGE, PEERS, partial(crowd, 10000)),
    Scenario(rows.STORM, tuple(peer for peer in PEERS if not peer.raw), storm),
    Scenario(rows.POSITIONS, (ALSOHERE,), positions),
    Scenario(rows.LOCKS, (ALSOHERE,), partial(lock_pairs, sqlite_file)),
    Scenario(rows.LOCKS_POSTGRES, (ALSOHERE,), partial(lock_pairs, postgres_database)),
    Scenario(rows.QUEUE, (ALSOHERE,), partial(lock_queue, sqlite_file)),
    Scenario(rows.VISITS, (ALSOHERE,), visits),
    Scenario(rows.HISTORY, (ALSOHERE,), history),
    Scenario(rows.PUSH, (ALSOHERE,), push),
    Scenario(rows.NOTIFY, (ALSOHERE,), partial(durable, sqlite_file)),
    Scenario(rows.NOTIFY_POSTGRES, (ALSOHERE,), partial(durable, postgres_database)),
    Scenario(rows.DRAIN, (ALSOHERE,), drain),
    Scenario(rows.BROADCAST, (ALSOHERE,), broadcast),
)


def compile_c(target: Path, *sources: Path) -> None:
    if not target.exists() or target.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        code = [source for source in sources if source.suffix == ".c"]
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", target, *code], check=True)


def build() -> None:
    """Compile the C parts and install the Node peer, where that has not been done; forget the logs of the last run."""
    for tool, fix in (("cc", "apt-get install gcc"), ("node", "install Node 20"), ("npm", "install npm")):
        if not shutil.which(tool):
            sys.exit(f"The benchmark needs {tool}: {fix}.")
    for log in BUILD.glob("*.log"):
        log.unlink()
    compile_c(BUILD / "load", *sorted((BENCH / "load").iterdir()))
    compile_c(BUILD / "c_send", BENCH / "servers" / "c_send.c")
    if not (BENCH / "node" / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=BENCH / "node", check=True)


@contextmanager
def alone() -> Iterator[None]:
    """Two benchmarks at once would measure each other."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("Another benchmark is running here: wait until it is done.")
        yield


def check_machine() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("The benchmark needs two cores: one for the server, one for the load.")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < LARGEST + 200:
        sys.exit(
            f"The benchmark opens {LARGEST:,} connections per process; this shell may open {hard:,} files: ulimit -Hn 20000."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy_s() -> tuple[float, float]:
    """CPU seconds used so far: by the whole machine, and by this program and the processes it has started and ended."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
    ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), ours


def chosen(servers: list[str], names: list[str]) -> list[Scenario]:
    """The scenarios of these names, for these servers."""
    return [
        scenario._replace(peers=tuple(peer for peer in scenario.peers if peer.name in servers))
        for scenario in SCENARIOS
        if scenario.name in names
    ]


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def attempt(results: Results, scenario: Scenario, peer: Peer, effort: Effort) -> None:
    try:
        sample = scenario.measure(peer, effort)
    except Stuck as problem:
        note(f"  ! {problem}")
        return
    results.add(peer.name, scenario.name, sample)
    note(f"  {peer.name}, {scenario.name}: " + ", ".join(f"{key} {value:.2f}" for key, value in sample.items()))


def measure(scenarios: list[Scenario], effort: Effort) -> Results:
    """All repetitions, the servers taking turns, so that a change in the machine's mood touches all alike."""
    results = Results()
    for repetition in range(effort.repetitions):
        note(f"repetition {repetition + 1} of {effort.repetitions}")
        for scenario in scenarios:
            for peer in scenario.peers:
                attempt(results, scenario, peer, effort)
    return results


def run(scenarios: list[Scenario], effort: Effort, *, write: bool) -> None:
    start_s, (all_before, ours_before) = time.monotonic(), busy_s()
    results = measure(scenarios, effort)
    took_s, (all_after, ours_after) = time.monotonic() - start_s, busy_s()
    others = (all_after - all_before - ours_after + ours_before) / (took_s * (os.cpu_count() or 1))
    remark = f"Other programs used {max(0, others):.0%} of the machine's CPU meanwhile."
    if others > MOST_BY_OTHERS:
        remark += " That is too much to judge by: repeat it on an idle machine."
    tables = rows.comparison(results), rows.features(results)
    print(*filter(None, tables), sep="\n\n")
    print(f"\nMedian (lowest–highest). {took_s:.0f} s. {remark}")
    if write and others <= MOST_BY_OTHERS:
        write_page(tables, remark)
    elif write:
        sys.exit("The page is left as it was.")


def main() -> None:
    servers, names = [peer.name for peer in PEERS], [scenario.name for scenario in SCENARIOS]
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="one sample of each instead of three")
    arguments.add_argument("--write", action="store_true", help="write docs/reference/benchmarks.md")
    arguments.add_argument("--only", nargs="+", metavar="SERVER", choices=servers, help="only these: " + ", ".join(servers))
    arguments.add_argument("--scenario", nargs="+", metavar="NAME", choices=names, help="only these: " + ", ".join(names))
    options = arguments.parse_args()
    if options.write and (options.only or options.scenario):
        arguments.error("--write needs all of it")
    check_machine()
    scenarios = chosen(options.only or servers, options.scenario or names)
    if any(ALSOHERE in scenario.peers for scenario in scenarios) and importlib.util.find_spec("alsohere") is None:
        sys.exit("alsohere is not installed here: pip install -e .[dev]")
    with alone():
        build()
        os.sched_setaffinity(0, {LOAD_CORE})  # this program's share of the load, and the database that it starts
        run(scenarios, QUICK if options.quick else FULL, write=options.write)


if __name__ == "__main__":
    main()
