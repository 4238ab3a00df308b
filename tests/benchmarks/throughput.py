"""`tsebench run` with a full-size network against the bare network on the same batches.

    python tests/benchmarks/throughput.py [--trials 64] [--rounds 3] [--device cpu] [--write]

TD-SpeakerBeam has the sizes of configs/train/td_speakerbeam.yaml and random weights. The run
renders mixtures of real digits, asks the network, scores cheap metrics and writes rows; then the
network alone answers the batches that the run asked. Both take turns, and the fastest round of
each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml
from common import put_section, table
from trials import DIGITS

from tsebench.bench.config import DatasetSpec, RunConfig, SystemSpec
from tsebench.bench.run.runner import RunOptions, run
from tsebench.bench.scoring.plan import MetricSpec
from tsebench.core.allocator import keep_freed_memory
from tsebench.core.config_files import find_config, read_yaml
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.nets.td_speakerbeam import TdSpeakerBeamConfig
from tsebench.systems.protocol import Extraction, QueryBatch
from tsebench.systems.registry import load_system
from tsebench.systems.shared.batches import full_float32
from tsebench.systems.td_speakerbeam import TdSpeakerBeam, TdSpeakerBeamTask

METRICS = ("si_sdr", "snr")


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall time, and processor time of all threads, in seconds."""

    wall_s: float
    cpu_s: float


def checkpoint(folder: Path) -> Path:
    """Random weights of the published size."""
    config = TdSpeakerBeamConfig(**read_yaml(find_config("train/td_speakerbeam"))["net"])
    torch.manual_seed(0)
    net = TdSpeakerBeamTask().build(config, classes=())
    card = CheckpointCard(
        architecture="td_speakerbeam", net=config.model_dump(), classes=(), sample_rate_hz=8000, sha256=""
    )
    save_checkpoint(folder, state=net.state_dict(), card=card)
    return folder


def set_config(path: Path, trials: int) -> Path:
    """A set of two real talkers with so many trials, two for each mixture."""
    config = read_yaml(find_config("datasets/digits_speech"))
    config["params"]["count"] = trials // 2
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


class Work:
    """A run and the bare network."""

    def __init__(self, place: Path, trials: int, device: str) -> None:
        self._place, self._device = place, device
        self._weights = str(checkpoint(place / "weights"))
        self._batches: list[QueryBatch] = []
        self._run(str(set_config(place / "set.yaml", trials)), "first", SystemSpec(name="mixture"))
        # That run has built the set.
        (self._set,) = (place / "first" / "datasets").iterdir()
        self._record()
        self._net = load_system("td_speakerbeam", checkpoint=self._weights, device=device)

    def run(self) -> None:
        """Everything that `tsebench run` does but the report."""
        options = {"checkpoint": self._weights}
        self._run(str(self._set), "again", SystemSpec(name="td_speakerbeam", options=options))

    @torch.inference_mode()
    def bare(self) -> None:
        """The network alone, in float32 as in a run; the answers are waited for."""
        with full_float32():
            for batch in self._batches:
                self._net.extract(batch).estimate.cpu()

    def _run(self, dataset: str, out: str, system: SystemSpec) -> None:
        config = RunConfig(
            name="throughput",
            datasets=(DatasetSpec(dataset=dataset),),
            systems=(system,),
            metrics=tuple(MetricSpec(name=name) for name in METRICS),
            measure_cost=False,
        )
        options = RunOptions(
            out=self._place / out,
            device=self._device,
            fresh=True,
            corpus_dirs={"digits": DIGITS},
            cache=self._place / "cache",
        )
        run(config, options)

    def _record(self) -> None:
        """Keep the batches that a run asks."""
        extract = TdSpeakerBeam.extract

        def recording(system: TdSpeakerBeam, batch: QueryBatch) -> Extraction:
            self._batches.append(batch)
            return extract(system, batch)

        TdSpeakerBeam.extract = recording  # type: ignore[method-assign]
        try:
            self.run()
        finally:
            TdSpeakerBeam.extract = extract  # type: ignore[method-assign]


def spent(work: Callable[[], None]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def report(trials: int, rounds: int, device: str) -> str:
    """The section of the page."""
    with TemporaryDirectory() as place:
        work = Work(Path(place), trials, device)
        pairs = [(spent(work.run), spent(work.bare)) for _ in range(rounds)]
    runs, bare = zip(*pairs, strict=True)
    wall = [min(side.wall_s for side in sides) for sides in (runs, bare)]
    cpu = [min(side.cpu_s for side in sides) for sides in (runs, bare)]
    rows = [
        [name, f"{trials / seconds:.2f}", f"{seconds:.1f}", f"{busy:.1f}"]
        for name, seconds, busy in zip(("`tsebench run`", "bare network"), wall, cpu, strict=True)
    ]
    where = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    return "\n\n".join(
        [
            "## Throughput of a run",
            f"TD-SpeakerBeam of the published size with random weights, {trials} trials of two "
            f"real talkers of digits at 8000 Hz, {', '.join(METRICS)}, batches of 8, {where} with "
            f"{torch.get_num_threads()} threads; the run without its start and report, the network "
            f"alone on the same batches; the best of {rounds} rounds, in which both take turns.",
            table(["", "trials/s", "seconds", "processor seconds"], rows),
            f"The harness costs {100 * (wall[0] / wall[1] - 1):.1f} % of the network's time, and "
            f"{100 * (cpu[0] / cpu[1] - 1):.1f} % of its processor time.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="put it into docs/benchmarks.md")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    text = report(options.trials, options.rounds, options.device)
    print(text)
    if options.write:
        put_section(text)


if __name__ == "__main__":
    main()
