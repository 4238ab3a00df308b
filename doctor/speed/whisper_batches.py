"""Whisper in batches against a loop over files with the package's own decoding.

The model is tiny and its weights are random: a text is as long as the decoder allows, on both sides alike, so that the
time is that of the arithmetic and says nothing on how long real texts take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from ...bench.asr.protocol import SAMPLE_RATE_HZ
from ...bench.asr.whisper import Samples, open_whisper
from ...datasets.corpora.synthetic_speech import SyntheticSpeech
from ...datasets.signals.audio import resample
from .page import missing, table
from .sections import Settings

BATCH = 16
_TITLE = "## Whisper in batches"
_TINY = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 384,
    "n_audio_head": 6,
    "n_audio_layer": 4,
    "n_vocab": 51864,
    "n_text_ctx": 448,
    "n_text_state": 384,
    "n_text_head": 6,
    "n_text_layer": 4,
}


def report(settings: Settings) -> str:
    """The section of the page."""
    if line := missing("whisper", "openai-whisper"):
        return f"{_TITLE}\n\n{line}"
    files, rounds = (2, 1) if settings.quick else (160, 3) if settings.device.startswith("cuda") else (16, 2)
    signals = _speech(files)
    with TemporaryDirectory() as place:
        path = _random_checkpoint(Path(place) / "tiny.pt")
        batched = open_whisper(str(path), device=settings.device, grammar=None, batch_size=BATCH)
        loop = _loop(path, settings.device)
        sides = (lambda: batched.transcribe(signals, SAMPLE_RATE_HZ), lambda: loop(signals))
        found = [[_timed(side) for side in sides] for _ in range(rounds)]
    texts = found[0][0][1], found[0][1][1]
    equal = sum(one == other for one, other in zip(*texts, strict=True))
    ours, theirs = (min(each[side][0] for each in found) for side in (0, 1))
    lines = [
        [f"batches of {BATCH}", f"{ours:.2f}", f"{files / ours:.1f}", f"{theirs / ours:.1f}"],
        ["loop over files", f"{theirs:.2f}", f"{files / theirs:.1f}", ""],
    ]
    where = torch.cuda.get_device_name() if settings.device.startswith("cuda") else "CPU"
    return "\n\n".join(
        [
            f"{_TITLE} on {where}",
            f"{files} sentences, a model of the size tiny.en with random weights, whose texts are as long as the "
            f"decoder allows, and `whisper.decode` of openai-whisper one file at a time with the same options; "
            f"{torch.get_num_threads()} threads; the best of {rounds} rounds, in which both take turns. "
            f"{equal} of {files} texts are equal.",
            table(["", "s", "files/s", "times faster"], lines),
        ]
    )


def _speech(files: int) -> list[Samples]:
    """Sentences at 16 kHz."""
    corpus = SyntheticSpeech(utterances=1 + files // 8)
    test = [recording for recording in corpus.recordings() if recording.split == "test"][:files]
    read = (corpus.read(recording.path) for recording in test)
    return [resample(samples, from_hz=rate_hz, to_hz=SAMPLE_RATE_HZ) for samples, rate_hz in read]


def _random_checkpoint(path: Path) -> Path:
    package = import_module("whisper.model")
    dims = package.ModelDimensions(**_TINY)
    torch.manual_seed(0)
    model = package.Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.02)  # the package leaves it as it comes
    torch.save({"dims": asdict(dims), "model_state_dict": model.state_dict()}, path)
    return path


def _loop(path: Path, device: str) -> Callable[[Sequence[Samples]], list[str]]:
    """The package's decoding of one file at a time."""
    package = import_module("whisper")
    model = package.load_model(str(path), device=device)
    options = package.DecodingOptions(
        language="en", temperature=0.0, without_timestamps=True, fp16=device.startswith("cuda")
    )

    def transcribe(signals: Sequence[Samples]) -> list[str]:
        texts = []
        for signal in signals:
            mel = package.log_mel_spectrogram(package.pad_or_trim(np.asarray(signal))).to(model.device)
            texts.append(str(package.decode(model, mel, options).text))
        return [" ".join(text.split()) for text in texts]

    return transcribe


def _timed(work: Callable[[], list[str]]) -> tuple[float, list[str]]:
    start = time.perf_counter()
    texts = work()
    return time.perf_counter() - start, texts
