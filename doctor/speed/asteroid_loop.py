"""The plain loop over `asteroid.metrics.get_metrics`, as its users write it.

Run by an interpreter of its own, without tsebench:

    python asteroid_loop.py ESTIMATES REFERENCES MIXTURES OUT.json
"""

from __future__ import annotations

import json
import sys
import types
import warnings
from pathlib import Path

METRICS = ["si_sdr", "sdr", "stoi", "pesq"]


def main(estimates: str, references: str, mixtures: str, out: str) -> None:
    """Write the values of all files by name, as JSON."""
    # torch_stoi, which asteroid imports, imports torchaudio, and the wheel of torchaudio does not
    # load with a CPU-only torch. The metrics need nothing of it.
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    warnings.simplefilter("ignore")
    from asteroid.metrics import get_metrics  # noqa: PLC0415 - after the lines above
    from soundfile import read  # noqa: PLC0415 - of that environment

    found = {}
    for path in sorted(Path(references).glob("*.wav")):
        (mixture, rate), (reference, _), (estimate, _) = (
            read(folder / path.name, dtype="float32") for folder in (Path(mixtures), Path(references), Path(estimates))
        )
        values = get_metrics(mixture, reference, estimate, sample_rate=rate, metrics_list=METRICS, average=True)
        found[path.stem] = {name: float(value) for name, value in values.items()}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
