"""How long WSJ0 mixtures take, on made-up speech of the usual length; nothing here is a test.

    python tests/benchmarks/wsj0_mix.py [folder of the lists of pywsj0-mix]

With the real lists, the manifest of the whole test set is built over files that hold next to
nothing: what is timed is reading lists and headers, drawing, and writing the manifest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy starts its threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from helpers.trees.wsj0 import RATE_HZ, UTTERANCES, babble, make_wsj0, make_wsj0_lists, write_speech

from tsebench.datasets.build import build
from tsebench.datasets.config import load_dataset_configs
from tsebench.datasets.signals.active_level import active_level

LENGTH_S, REPEATS = 7.0, 9


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start_s))
    return median(times)


def _levels() -> None:
    for rate_hz in (8000, 16_000):
        speech = babble(LENGTH_S, seed=0, rate_hz=rate_hz)
        taken = _median_ms(lambda x=speech, r=rate_hz: active_level(x, r, high_pass_hz=200.0))
        print(f"active level of {LENGTH_S} s at {rate_hz} Hz: {taken:.1f} ms")


def _rendering(folder: Path) -> None:
    lengths = dict.fromkeys(UTTERANCES, LENGTH_S)
    dirs = {"wsj0": make_wsj0(folder / "speech", utterances=lengths), "wsj0_mix": make_wsj0_lists(folder / "lists")}
    for name in ("wsj0_2mix", "wsj0_2mix_extr"):
        (config,) = load_dataset_configs(name)
        dataset = build(config, folder / name, corpus_dirs=dirs)
        ids = list(dataset.mixtures)

        def render_all(dataset=dataset, ids=ids) -> None:  # type: ignore[no-untyped-def]
            dataset._rendered.clear()
            for mixture_id in ids:
                dataset.signals(mixture_id)

        taken = _median_ms(render_all) / len(ids)
        print(f"render a mixture of {name}, {LENGTH_S} s: {taken:.1f} ms")


def _manifest(folder: Path, lists: Path) -> None:
    for part in ("si_dt_05", "si_et_05"):
        for line in (lists / "activlev" / f"activlev_{part}.txt").read_text().splitlines():
            name = line.split()[0]
            samples = np.full(200, int(name, 36) % 1000 / 2000)
            write_speech(folder / "wsj0" / part / name[:3] / f"{name}.wav", samples)
    (config,) = load_dataset_configs("wsj0_2mix")
    start_s = time.perf_counter()
    built = build(config, folder / "set", corpus_dirs={"wsj0": folder, "wsj0_mix": lists})
    taken = time.perf_counter() - start_s
    print(f"manifest of {len(built.mixtures)} mixtures, {len(built)} trials: {taken:.2f} s")


def main() -> None:
    """Print all timings."""
    with tempfile.TemporaryDirectory() as folder:
        _levels()
        print(f"utterances at {RATE_HZ} Hz")
        _rendering(Path(folder) / "a")
        if len(sys.argv) > 1:
            _manifest(Path(folder) / "b", Path(sys.argv[1]))


if __name__ == "__main__":
    main()
