"""A system in a process of its own against the same one in this process.

    python tests/benchmarks/isolation.py [--rounds 5] [--write]

Two sizes of TD-SpeakerBeam: the published one (random weights) and the shipped
mini checkpoint. Both ways answer batches of 4 mixtures of 4 s at 8 kHz with an enrollment of 3 s,
in turns; the round of each with the least processor time of both processes counts. The start is
the time until the card is known.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from common import put_section

from tsebench.bench.inference.ask import Inference
from tsebench.bench.inference.batching import Item
from tsebench.bench.inference.open_system import Isolation, close_system, open_system
from tsebench.core.allocator import keep_freed_memory
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.doctor.speed.page import table
from tsebench.doctor.speed.run_times import random_td_speakerbeam

RATE_HZ, BATCH = 8000, 4


def item(index: int) -> Item:
    noise = 0.1 * torch.randn(2, 4 * RATE_HZ, generator=torch.Generator().manual_seed(index))
    clues = Clues(enrollments=(noise[1, : 3 * RATE_HZ],))
    query = Query(id=f"t{index}", mixture=noise[:1], sample_rate_hz=RATE_HZ, clues=clues)
    truth = Truth(target=noise[1:], interferers=noise[:1], active_classes=(), transcript=None)
    return Item(index=index, query=query, truth=truth)


def spent_s() -> float:
    """Processor seconds of this process and of those that it started; what else a machine does adds little."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        ticks += sum(map(int, fields[11:13])) if int(fields[1]) == os.getpid() else 0
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object]) -> float:
    start = spent_s()
    work()
    return spent_s() - start


def compare(label: str, weights: str, *, rounds: int, batches: int) -> list[str]:
    """One row: seconds a batch of both ways, what the process adds, and seconds until it has started."""
    items = [item(index) for index in range(BATCH * batches)]
    ways: dict[Isolation, Inference] = {}
    systems, started_s = [], 0.0
    for isolation in ("none", "process"):
        start = time.perf_counter()
        system = open_system("td_speakerbeam", device="cpu", options={"checkpoint": weights}, isolation=isolation)
        started_s = time.perf_counter() - start
        systems.append(system)
        ways[isolation] = Inference(system, device="cpu", batch_size=BATCH)
    answers = {way: inference.begin(items).finish() for way, inference in ways.items()}
    for index, answer in answers["none"].items():
        other = answers["process"][index].estimate
        assert answer.estimate is not None
        assert other is not None
        assert torch.equal(answer.estimate, other)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for way, inference in ways.items():
            best[way] = min(best[way], timed(lambda used=inference: used.begin(items).finish()))
    for system in systems:
        close_system(system)
    inside, outside = best["none"] / batches, best["process"] / batches
    return [
        label,
        f"{inside * 1e3:.0f}",
        f"{outside * 1e3:.0f}",
        f"{100 * (outside / inside - 1):+.1f} %",
        f"{started_s:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    options = parser.parse_args()
    keep_freed_memory()
    with TemporaryDirectory() as folder:
        rows = [
            compare("mini", "td_speakerbeam_mini", rounds=options.rounds, batches=6),
            compare(
                "published size", str(random_td_speakerbeam(Path(folder) / "net")), rounds=options.rounds, batches=1
            ),
        ]
    columns = ["TD-SpeakerBeam", "this process [CPU ms/batch]", "own process [CPU ms/batch]", "adds", "start [s]"]
    text = (
        "## A process of its own\n\n`python tests/benchmarks/isolation.py`: batches of 4 mixtures of 4 s at 8 kHz on "
        f"{torch.get_num_threads()} thread(s); estimates are identical.\n\n{table(columns, rows)}"
    )
    print(text)
    if options.write:
        put_section(text)


if __name__ == "__main__":
    main()
