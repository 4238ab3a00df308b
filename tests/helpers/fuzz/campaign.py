"""Run inputs in worker processes, start them again after a crash or a hang, and count what fell.

python -m helpers.fuzz.campaign COUNT [READER,...] [SEED]
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..paths import TESTS
from .readers import READERS

LONGEST_S = 20
"""Time for one input; the first of a worker has more, for imports."""
_START_S = 120


@dataclass
class Result:
    """Number of inputs by reader, and what fell: (reader, number, error, end of the traceback).

    Of the inputs that did not fall: the longest time in seconds and the most memory in bytes, by reader.
    """

    tried: Counter[str] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    most: Counter[str] = field(default_factory=Counter)
    fell: list[tuple[str, int, str, str]] = field(default_factory=list)

    def note(self, name: str, seconds: float, peak: int) -> None:
        """Keep the longest time and the most memory of a reader."""
        self.longest[name] = max(self.longest[name], seconds)
        self.most[name] = max(self.most[name], peak)


def fuzz(count: int, *, readers: Sequence[str] = tuple(READERS), seed: str = "1") -> Result:
    """Try `count` inputs of each reader."""
    result = Result()
    waiting = [(name, 0) for name in readers]
    while waiting:
        # One process for all readers that begin at 0; the rest of one reader after a crash has its own.
        name, first = waiting[0]
        same = [n for n, start in waiting if start == 0] if first == 0 else [name]
        waiting = [pair for pair in waiting if pair[0] not in same]
        stopped = _work(same, first, count - first, seed, result)
        if stopped is not None:
            at, number = stopped
            later = same[same.index(at) + 1 :]
            waiting = [*([(at, number + 1)] if number + 1 < count else []), *((n, 0) for n in later), *waiting]
    return result


def _work(names: Sequence[str], first: int, count: int, seed: str, result: Result) -> tuple[str, int] | None:
    """Run one worker; the input at which it died or hung, or None."""
    command = [sys.executable, "-m", "helpers.fuzz.worker", ",".join(names), str(first), str(count), seed]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as worker:
        assert worker.stdout is not None
        now: tuple[str, int] | None = None
        for line in _lines(worker):
            if line is None:
                worker.kill()
                break
            said = json.loads(line)
            if "begin" in said:
                now = (said["begin"][0], said["begin"][1])
                result.tried[now[0]] += 1
            else:
                now = None
            if "ok" in said:
                result.note(said["ok"][0], said["seconds"], said["peak"])
            if "fell" in said:
                result.fell.append((*said["fell"], said["error"], "\n".join(said["trace"])))
        code = worker.wait()
    if code == 0:
        return None
    if now is None:
        raise RuntimeError(f"the worker of {', '.join(names)} ended with {code} between two inputs")
    what = f"no answer within {LONGEST_S} s" if code == -9 else f"the process ended with {code}"
    result.fell.append((*now, what, ""))
    return now


def _lines(worker: subprocess.Popen[bytes]) -> object:
    """Lines of a worker; None when it is silent for too long."""
    assert worker.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        rest, limit = b"", _START_S
        while True:
            if not selector.select(limit):
                yield None
                return
            new = os.read(worker.stdout.fileno(), 65536)
            if not new:
                return
            *lines, rest = (rest + new).split(b"\n")
            last = b""
            for last in lines:
                yield last
            limit = LONGEST_S if last.startswith(b'{"begin"') else _START_S


def main(arguments: Sequence[str]) -> int:
    """Print a table; 1 if anything fell."""
    count = int(arguments[0]) if arguments else 100
    readers = arguments[1].split(",") if len(arguments) > 1 and arguments[1] else list(READERS)
    began = time.monotonic()
    result = fuzz(count, readers=readers, seed=arguments[2] if len(arguments) > 2 else "1")
    fell = Counter(name for name, *_ in result.fell)
    for name in readers:
        seconds, size = result.longest[name], result.most[name] / 2**20
        print(f"{name:12} tried {result.tried[name]:6}  fell {fell[name]:5}  {seconds:6.2f} s  {size:5.0f} MB at most")
    kinds = Counter((name, error, trace) for name, _, error, trace in result.fell)
    numbers = {(name, error, trace): number for name, number, error, trace in result.fell}
    for kind, times in kinds.most_common():
        print(f"\n{kind[0]} input {numbers[kind]}, {times} times: {kind[1]}\n{kind[2]}")
    total, seconds = sum(result.tried.values()), time.monotonic() - began
    print(f"\n{total} inputs, {len(result.fell)} fell, {seconds:.0f} s")
    return 1 if result.fell else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
