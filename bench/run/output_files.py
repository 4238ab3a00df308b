"""Files of labelled outputs: one folder for each trial, next to its estimate.

`outputs/<trial>/0_Dog.wav`, `1_Speech.wav`, ... and `labels.json`, which has the labels as they are; names of files
have only what every file system takes. The list is written last, so that outputs without it are not whole.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from ...core.errors import AudioError
from ...core.files import make_folder, write_atomic
from ...datasets.signals.audio import read_mono, write
from ...systems.protocol import LabelledOutput

FOLDER = "outputs"
_LABELS = "labels.json"
_LONGEST_NAME = 60
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)

Outputs = tuple[LabelledOutput, ...]


def outputs_folder(wav: Path) -> Path:
    """The folder of the outputs that belong to an estimate."""
    return wav.parent / FOLDER / wav.stem


def output_path(folder: Path, place: int, label: str) -> Path:
    """The file of one output."""
    name = _UNSAFE.sub("_", label)[:_LONGEST_NAME]
    return folder / f"{place}_{name}.wav"


def write_outputs(wav: Path, outputs: Outputs, sample_rate_hz: int) -> None:
    """Store the outputs that belong to an estimate, in place of earlier ones."""
    folder = outputs_folder(wav)
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    for place, each in enumerate(outputs):
        write(output_path(folder, place, each.label), each.signal.numpy(), sample_rate_hz)
    write_atomic(folder / _LABELS, json.dumps([each.label for each in outputs], ensure_ascii=False).encode())


def read_outputs(wav: Path) -> Outputs | None:
    """Stored outputs that belong to an estimate; None if there are none.

    Raises:
        AudioError: they are not whole.
    """
    folder = outputs_folder(wav)
    if not folder.is_dir():
        return None
    try:
        labels = json.loads((folder / _LABELS).read_bytes())
    except (OSError, ValueError):
        raise AudioError(f"outputs {str(folder)!r} have no list of labels; run the system again") from None
    import torch  # noqa: PLC0415 - slow to import, and reports of most runs do without

    signals = (read_mono(output_path(folder, place, label), finite=False)[0] for place, label in enumerate(labels))
    return tuple(LabelledOutput(label, torch.from_numpy(signal)) for label, signal in zip(labels, signals, strict=True))
