"""The benchmark: alsohere beside Node's socket.io, python-socketio and a C program that only sends, in one run on one machine.

    python bench/run.py [--quick] [--write] [--only NAME …]

Prints one table. `--quick` takes one sample of each (under 90 seconds), the full run three (under 6 minutes).
`--write` puts the table into docs/reference/benchmarks.md.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from page import write_page
from peers import ALSOHERE, BENCH, BUILD, PEERS, Peer
from report import LARGE, SMALL, STORM, Results, table
from rig import Stuck
from scenarios import Effort, crowd, storm

FULL = Effort(repetitions=3, deliveries={SMALL: 200_000, LARGE: 150_000}, storm_s=5, idle_s=1)
QUICK = Effort(repetitions=1, deliveries={SMALL: 100_000, LARGE: 150_000}, storm_s=3, idle_s=0.5)

MOST_BY_OTHERS = 0.1  # of the machine's CPU; beyond that the page is not written


def compile_c(target: Path, *sources: Path) -> None:
    if not target.exists() or target.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        code = [source for source in sources if source.suffix == ".c"]
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", target, *code], check=True)


def build() -> None:
    """Compile the C parts and install the Node peer, where that has not been done."""
    for tool, fix in (("cc", "apt-get install gcc"), ("node", "install Node 20"), ("npm", "install npm")):
        if not shutil.which(tool):
            sys.exit(f"The benchmark needs {tool}: {fix}.")
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
    if hard < LARGE + 200:
        sys.exit(f"The benchmark opens {LARGE:,} connections per process; this shell may open {hard:,} files: ulimit -Hn 20000.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy_s() -> tuple[float, float]:
    """CPU seconds used so far: by the whole machine, and by this program and the processes it has started and ended."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
    ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), ours


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def attempt(results: Results, peer: Peer, size: int, effort: Effort) -> None:
    try:
        sample = storm(peer, effort) if size == STORM else crowd(peer, size, effort)
    except Stuck as problem:
        note(f"  ! {problem}")
        return
    results.add(peer.name, size, sample)
    note(f"  {peer.name}, {size or 'storm'}: " + ", ".join(f"{key} {value:.2f}" for key, value in sample.items()))


def measure(peers: list[Peer], effort: Effort) -> Results:
    """All repetitions, the servers taking turns, so that a change in the machine's mood touches all alike."""
    results = Results()
    for repetition in range(effort.repetitions):
        note(f"repetition {repetition + 1} of {effort.repetitions}")
        for size in (SMALL, LARGE, STORM):
            for peer in peers:
                if size != STORM or not peer.raw:
                    attempt(results, peer, size, effort)
    return results


def run(peers: list[Peer], effort: Effort, *, write: bool) -> None:
    start_s, (all_before, ours_before) = time.monotonic(), busy_s()
    results = measure(peers, effort)
    took_s, (all_after, ours_after) = time.monotonic() - start_s, busy_s()
    others = (all_after - all_before - ours_after + ours_before) / (took_s * (os.cpu_count() or 1))
    remark = f"Other programs used {max(0, others):.0%} of the machine's CPU meanwhile."
    if others > MOST_BY_OTHERS:
        remark += " That is too much to judge by: repeat it on an idle machine."
    print(table(results))
    print(f"\nMedian (lowest–highest). {took_s:.0f} s. {remark}")
    if write and others <= MOST_BY_OTHERS:
        write_page(table(results), remark)
    elif write:
        sys.exit("The page is left as it was.")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="one sample of each instead of three")
    arguments.add_argument("--write", action="store_true", help="write docs/reference/benchmarks.md")
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="only these servers: " + ", ".join(p.name for p in PEERS))
    options = arguments.parse_args()
    check_machine()
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
    if ALSOHERE in peers and importlib.util.find_spec("alsohere") is None:
        sys.exit("alsohere is not installed here: pip install -e .[dev]")
    with alone():
        build()
        run(peers, QUICK if options.quick else FULL, write=options.write)


if __name__ == "__main__":
    main()
