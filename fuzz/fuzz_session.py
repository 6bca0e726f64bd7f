"""Changes the inputs of fuzz/corpus at random and lets a session live through them, for as long as you like.

    python -m fuzz.fuzz_session --seconds 60

Inputs that make something happen for the first time are kept (in memory) and changed further. A finding is an exception that
is no PacketError or Disconnect, an invariant that does not hold, or an input that takes longer than a second; it is written
to fuzz/findings/ and the exit status is 1. Run a finding again: python -m fuzz.fuzz_session --input fuzz/findings/NAME
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from fuzz.client import drive

HERE = Path(__file__).parent
MAX_INPUT_BYTES = 200_000
MAX_INPUT_S = 1.0

WORDS = [
    b"\x1e", b"40", b"41", b"42", b"431", b"44", b"451-", b"4510-", b"461-1", b"b", b"bAAAA", b"2probe", b"3", b"5", b"1",
    b"/second,", b"/", b",", b"-", b'["x"]', b'{"_placeholder":true,"num":0}', b'"num":-1', b'"\\ud800"', b"\\u0000", b"NaN",
    b"1e999", b"9007199254740993", b"00001", b"\xd9\xa3", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"connect"',
    b"[" * 40, b"]" * 40,
]  # fmt: skip


def main() -> int:
    """Fuzz until the time is over; the exit status."""
    arguments = argparse.ArgumentParser(description="Fuzz the session.")
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=None, help="to repeat a run")
    arguments.add_argument("--input", type=Path, help="run this one and nothing else")
    given = arguments.parse_args()
    if given.input is not None:
        print(*drive(given.input.read_bytes()), sep="\n")
        return 0
    seed = time.time_ns() if given.seed is None else given.seed
    inputs, kinds = fuzz(random.Random(seed), time.monotonic() + given.seconds)
    print(f"{inputs} inputs, {kinds} kinds of histories, nothing found (seed {seed})")
    return 0


def corpus() -> list[bytes]:
    """The inputs to begin with."""
    return [path.read_bytes() for path in sorted((HERE / "corpus").iterdir())]


def fuzz(rng: random.Random, until_s: float) -> tuple[int, int]:
    """Try inputs until then; how many there were, and how many kinds of histories they made.

    Raises:
        SystemExit: with a finding, which is written down.
    """
    pool = corpus()
    seen: set[tuple[str, ...]] = set()
    inputs = 0
    for data in pool.copy():
        seen.add(attempt(data))
    while time.monotonic() < until_s:
        data = mutated(rng, pool)
        history = attempt(data)
        inputs += 1
        if history not in seen:
            seen.add(history)
            pool.append(data)
    return inputs, len(seen)


def attempt(data: bytes) -> tuple[str, ...]:
    """Run one input; gives its history, repetitions left out."""
    began_s = time.monotonic()
    try:
        history = tuple(dict.fromkeys(drive(data)))
    except Exception:
        raise SystemExit(_write_down(data, traceback.format_exc())) from None
    took_s = time.monotonic() - began_s
    if took_s > MAX_INPUT_S:
        raise SystemExit(_write_down(data, f"took {took_s:.1f} s"))
    return history


def _write_down(data: bytes, why: str) -> str:
    path = HERE / "findings" / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return f"{why}\nthe input is in {path}"


def mutated(rng: random.Random, pool: list[bytes]) -> bytes:
    """A new input from those that there are."""
    data = rng.choice(pool)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        data = rng.choice(MUTATIONS)(rng, data, pool)
    return data[:MAX_INPUT_BYTES]


def _flip(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]


def _insert(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(WORDS) + data[at:]


def _remove(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 10) :]


def _repeat(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    end = at + rng.randrange(1, 20)
    return data[:at] + data[at:end] * rng.choice((2, 3, 40, 2000)) + data[end:]


def _splice(rng: random.Random, data: bytes, pool: list[bytes]) -> bytes:
    other = rng.choice(pool)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _append(rng: random.Random, data: bytes, pool: list[bytes]) -> bytes:
    return data + b"\x1e" + rng.choice(pool)


MUTATIONS: list[Callable[[random.Random, bytes, list[bytes]], bytes]] = [_flip, _insert, _remove, _repeat, _splice, _append]

if __name__ == "__main__":
    sys.exit(main())
