"""Whisper (Radford et al. 2023), by the package of its authors, in batches on a device.

Decoding is greedy, in windows of 30 s, without timestamps and without the fallbacks of the package's `transcribe`: no
other temperature, no prompt from earlier windows, no silence threshold.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import CheckpointError, ConfigError, suggest
from ...core.packages import installed_version
from .protocol import RECOGNISERS, SAMPLE_RATE_HZ, import_package

if TYPE_CHECKING:
    from torch import Tensor

Samples = NDArray[np.float32]

WINDOW_S = 30
_WINDOW = WINDOW_S * SAMPLE_RATE_HZ
# What the package takes for granted: 20 ms frames of a window, and its own vocabularies (English, multilingual,
# multilingual since large-v3).
_ALLOWED = {"n_mels": (80, 128), "n_audio_ctx": (1500,), "n_vocab": (51864, 51865, 51866)}
_MULTILINGUAL = 51865  # size of the smallest vocabulary of many languages
_DISTRIBUTION = "openai-whisper"
_package = partial(import_package, "whisper", distribution=_DISTRIBUTION)
_WANTED = "Whisper needs the entries 'dims' and 'model_state_dict'"
_GIVE = "give a size (whisper:base.en) or a path (whisper:/models/base.en.pt)"


@dataclass(frozen=True)
class WhisperRecogniser:
    """Many signals at once, on a device; see `Recogniser`.

    Numbers are float16 on a GPU and float32 elsewhere, so that transcripts may differ between the two.

    Attributes:
        path: checkpoint in the format of the package.
        name: of the model in signatures.
        sha256: hash of the file, in hex; a file that changes later is refused.
        batch_size: most windows that go through the model at once.
        language: code of the language, or "auto": the model finds it in each window.
    """

    path: Path
    name: str
    sha256: str
    device: str
    batch_size: int = 16
    language: str = "en"
    batched = True

    @property
    def half(self) -> bool:
        """Whether the model computes in float16."""
        return self.device.startswith("cuda")

    def signature(self) -> str:
        """For example `whisper:base.en|openai-whisper:20250625|sha256:25a8566e|greedy|...`."""
        package, precision = f"{_DISTRIBUTION}:{installed_version(_DISTRIBUTION)}", "fp16" if self.half else "fp32"
        settings = f"greedy|no_timestamps|{precision}|lang:{self.language}|windows:{WINDOW_S}s"
        return f"whisper:{self.name}|{package}|sha256:{self.sha256[:8]}|{settings}"

    def transcribe(self, signals: Sequence[Samples], sample_rate_hz: int) -> list[str]:
        """Text of mono signals [T_k]; longer ones than 30 s are cut into windows.

        The windows of a signal follow each other without overlap, and their texts are joined by spaces. A signal
        without samples gives "".

        Raises:
            CheckpointError: the file of the model is damaged, or changed since it was opened.
        """
        from ...datasets.signals.audio import resample  # noqa: PLC0415

        windows: list[tuple[int, Samples]] = []
        for k, signal in enumerate(signals):
            samples = resample(signal, from_hz=sample_rate_hz, to_hz=SAMPLE_RATE_HZ)
            windows += [(k, samples[start : start + _WINDOW]) for start in range(0, len(samples), _WINDOW)]
        texts: list[list[str]] = [[] for _ in signals]
        for start in range(0, len(windows), self.batch_size):
            batch = windows[start : start + self.batch_size]
            for (k, _), text in zip(batch, self._decode([w for _, w in batch]), strict=True):
                texts[k].append(text)
        return [" ".join(" ".join(parts).split()) for parts in texts]

    def _decode(self, windows: Sequence[Samples]) -> list[str]:
        """Texts of windows [T ≤ 480000] at 16 kHz."""
        import torch  # noqa: PLC0415

        package = _package()
        model = _model(self.path, self.sha256, self.device)
        padded = [package.pad_or_trim(torch.tensor(window, device=self.device)) for window in windows]
        # One by one: the dynamic range of the spectrogram is limited below its own maximum.
        mel = [package.log_mel_spectrogram(window, model.dims.n_mels) for window in padded]
        options = package.DecodingOptions(
            task="transcribe",
            language=None if self.language == "auto" else self.language,
            temperature=0.0,
            without_timestamps=True,
            fp16=self.half,
        )
        return [result.text for result in package.decode(model, torch.stack(mel), options)]


@RECOGNISERS.register("whisper")
def open_whisper(
    argument: str,
    *,
    device: str,
    grammar: str | None,  # noqa: ARG001 - it knows whole languages
    batch_size: int,
    language: str = "en",
) -> WhisperRecogniser:
    """`whisper:<size>` or `whisper:<path>`.

    A size is one of the package (tiny.en, base.en, ...): its file is taken from the cache folder of the package, or
    downloaded there. A path never uses the network.

    Raises:
        ConfigError: unknown size, no such file, a failed download, a language that the model does not know, or the
            package is missing.
        CheckpointError: the file is damaged, unsafe to load or no checkpoint of Whisper.
    """
    sizes: Mapping[str, str] = _package()._MODELS
    path = _fetch(argument, sizes[argument]) if argument in sizes else _find(argument, sizes)
    digest, dims, _ = _read(path)
    language = _checked_language(language, argument, multilingual=dims.n_vocab >= _MULTILINGUAL)
    official = {_digest_of(url): Path(url).stem for url in sizes.values()}
    name = official.get(digest, "custom")
    return WhisperRecogniser(path, name=name, sha256=digest, device=device, batch_size=batch_size, language=language)


def _checked_language(language: str, argument: str, *, multilingual: bool) -> str:
    """The language, if the model knows it; a model of English finds no other."""
    known = import_package("whisper.tokenizer", distribution=_DISTRIBUTION).LANGUAGES
    if language != "auto" and language not in known:
        raise ConfigError(f"recogniser 'whisper:{argument}' does not know the language {language!r}")
    if multilingual:
        return language
    if language not in {"en", "auto"}:
        raise ConfigError(
            f"recogniser 'whisper:{argument}' knows English only, and the language is {language!r}; "
            "use a size without .en"
        )
    return "en"


def _find(argument: str, sizes: Mapping[str, str]) -> Path:
    path = Path(os.path.expanduser(argument))  # noqa: PTH111 - an unknown user is no error
    if argument and path.is_file():
        return path.resolve()
    if path.name != argument or path.suffix == ".pt":
        raise ConfigError(f"recogniser 'whisper:{argument}': no file {str(path)!r}; {_GIVE}")
    raise ConfigError(f"recogniser 'whisper:{argument}': no such size{suggest(argument, sizes)}; {_GIVE}")


def _fetch(size: str, url: str) -> Path:
    """The file of a size: from the package's cache folder, or downloaded by the package."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "whisper" / Path(url).name
    if path.is_file() and hashlib.sha256(_read_bytes(path)).hexdigest() == _digest_of(url):
        return path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a damaged file is fetched again
            _package()._download(url, str(path.parent), False)
    except (OSError, RuntimeError) as error:  # no network, a full disk, or a wrong hash
        raise ConfigError(
            f"recogniser 'whisper:{size}': cannot download {url}: {_reason(error)}; fetch it elsewhere and put it at "
            f"{str(path)!r}, or give its path"
        ) from None
    return path


def _digest_of(url: str) -> str:
    """The package keeps the SHA-256 of a model in its address, as the last folder."""
    return url.split("/")[-2]


@lru_cache(maxsize=1)
def _model(path: Path, sha256: str, device: str) -> Any:
    """The model on its device, once for the process."""
    from ...systems.nets.whisper.sizes import misfit  # noqa: PLC0415

    package = _package()
    digest, dims, state = _read(path)
    if digest != sha256:
        raise CheckpointError(f"{str(path)!r} changed since the run began; begin it again")
    where = f"checkpoint {str(path)!r}: the weights do not fit its 'dims'"
    if problem := misfit(dims, state):
        raise CheckpointError(f"{where}: {problem}")
    try:
        model = package.model.Whisper(dims)
        model.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: {_reason(error)}") from None
    return model.to(device).eval()


def _read(path: Path) -> tuple[str, Any, Mapping[str, Tensor]]:
    """SHA-256, dimensions and weights of a checkpoint; nothing in it is run."""
    from ...systems.checkpoints.archive import load_archive, outline_of  # noqa: PLC0415
    from ...systems.checkpoints.foreign import describe  # noqa: PLC0415
    from ...systems.checkpoints.weights import weights_of  # noqa: PLC0415

    archive, where = _read_bytes(path), f"checkpoint {str(path)!r}"
    content = load_archive(archive, where=where, wanted=_WANTED)
    if not isinstance(content, dict) or not {"dims", "model_state_dict"} <= content.keys():
        kind = describe(outline_of(archive, where=where, wanted=_WANTED).root)
        raise CheckpointError(f"{where} is {kind}, not of openai-whisper: {_WANTED}")
    state = weights_of(content["model_state_dict"], where=where, wanted=_WANTED)
    return hashlib.sha256(archive).hexdigest(), _dimensions(content["dims"], path), state


def _dimensions(dims: object, path: Path) -> Any:
    """The dimensions of a checkpoint, checked as far as the package relies on them."""
    kind = _package().model.ModelDimensions
    names = sorted(field.name for field in fields(kind))
    if not isinstance(dims, dict) or set(dims) != set(names):
        raise CheckpointError(f"checkpoint {str(path)!r}: 'dims' must name {', '.join(names)}")
    for name, size in dims.items():
        allowed = _ALLOWED.get(name, ())
        if type(size) is not int or size < 1 or (allowed and size not in allowed):
            wanted = " or ".join(map(str, allowed)) or "a positive integer"
            raise CheckpointError(f"checkpoint {str(path)!r}: {name} of 'dims' is {size!r}, where Whisper has {wanted}")
    return kind(**dims)


def _read_bytes(path: Path) -> bytes:
    from ...systems.checkpoints.checkpoint import read_weights  # noqa: PLC0415

    return read_weights(path)


def _reason(error: Exception) -> str:
    """One short line."""
    text = getattr(error, "strerror", None) or str(getattr(error, "reason", error))
    return " ".join(text.split())[:200].rstrip(".") or type(error).__name__
