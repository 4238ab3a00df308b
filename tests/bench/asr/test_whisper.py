"""Whisper on small random checkpoints in the real file format, and its text normaliser."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pickle
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsebench.bench.asr import whisper as under_test
from tsebench.bench.asr.normalise import open_normaliser
from tsebench.bench.asr.protocol import Recogniser, open_recogniser
from tsebench.bench.asr.whisper import WhisperRecogniser
from tsebench.core.errors import CheckpointError, ConfigError, TsebenchError
from tsebench.datasets.signals.audio import Samples, resample

whisper = pytest.importorskip("whisper", reason="openai-whisper is not installed")

# The package does not close its vocabulary.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

ENGLISH, MULTILINGUAL = 51864, 51865


def make_checkpoint(path: Path, *, n_vocab: int = ENGLISH, seed: int = 0, **changes: object) -> Path:
    """Random weights so large that the transcript depends on the sound; at most 12 tokens."""
    dims = whisper.model.ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=32,
        n_audio_head=2,
        n_audio_layer=2,
        n_vocab=n_vocab,
        n_text_ctx=24,
        n_text_state=32,
        n_text_head=2,
        n_text_layer=2,
    )
    model = whisper.model.Whisper(dims)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.endswith("ln.weight"):
                weight.normal_(0, 0.6, generator=draw)
    # The published files hold half precision.
    state = {name: weight.half() for name, weight in model.state_dict().items()}
    content = {"dims": asdict(dims), "model_state_dict": state} | changes
    torch.save({name: value for name, value in content.items() if value is not None}, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whisper")


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    return make_checkpoint(folder / "random.pt")


def open_file(path: Path, *, batch_size: int = 16) -> Recogniser:
    return open_recogniser(f"whisper:{path}", device="cpu", batch_size=batch_size)


def signals() -> list[Samples]:
    """Seven coloured noises of 0.05 to 6 s at 16 kHz, 60 dB apart in level."""
    rng = np.random.default_rng(3)
    lengths = (32000, 800, 80000, 16001, 96000, 24000, 48000)
    sounds = [
        np.cumsum(rng.standard_normal(n)) * np.sin(np.arange(n) / period)
        for n, period in zip(lengths, (3, 10, 30, 100, 300, 1000, 7), strict=True)
    ]
    return [
        (10.0 ** (-level / 2) * sound / np.abs(sound).max()).astype(np.float32) for level, sound in enumerate(sounds)
    ]


def decode_alone(path: Path, signal: Samples) -> str:
    """The package's own way for one utterance of at most 30 s at 16 kHz."""
    model = whisper.load_model(str(path), device="cpu")
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(signal), model.dims.n_mels)
    options = whisper.DecodingOptions(language="en", without_timestamps=True, temperature=0.0, fp16=False)
    return str(whisper.decode(model, mel, options).text)


@pytest.mark.parametrize("n_vocab", [ENGLISH, MULTILINGUAL])
@pytest.mark.parametrize("seed", [1, 2])
def test_agrees_with_the_package_one_by_one(tmp_path: Path, n_vocab: int, seed: int) -> None:
    path = make_checkpoint(tmp_path / "x.pt", n_vocab=n_vocab, seed=seed)
    expected = [decode_alone(path, signal) for signal in signals()]
    assert len(set(expected)) >= 4, "the checkpoint does not listen"
    for batch_size in (1, 5, 16):
        assert open_file(path, batch_size=batch_size).transcribe(signals(), 16000) == expected


def test_neighbours_do_not_matter(checkpoint: Path) -> None:
    recogniser = open_file(checkpoint, batch_size=4)
    order = [3, 0, 6, 5, 2, 1, 4]
    texts = recogniser.transcribe(signals(), 16000)
    assert recogniser.transcribe([signals()[k] for k in order], 16000) == [texts[k] for k in order]


def test_long_signals_are_cut_into_windows(checkpoint: Path) -> None:
    rng = np.random.default_rng(5)
    tone = np.sin(np.arange(65 * 16000) / 9) * np.repeat(rng.random(65), 16000)
    long = tone.astype(np.float32)
    recogniser = open_file(checkpoint, batch_size=2)
    parts = [long[:480000], long[480000:960000], long[960000:]]
    texts = [decode_alone(checkpoint, part) for part in parts]
    assert recogniser.transcribe([long[:480000], long], 16000) == [
        " ".join(texts[0].split()),
        " ".join(" ".join(texts).split()),
    ]
    assert "|windows:30s" in recogniser.signature()


def test_silent_and_empty_signals(checkpoint: Path) -> None:
    recogniser = open_file(checkpoint)
    silence = np.zeros(16000, dtype=np.float32)
    texts = recogniser.transcribe([silence[:0], silence, silence[:0]], 16000)
    assert texts == ["", decode_alone(checkpoint, silence), ""]
    assert texts[1]
    assert recogniser.transcribe([], 16000) == []
    assert recogniser.transcribe([silence[:0]], 8000) == [""]


def test_other_rates_are_resampled(checkpoint: Path) -> None:
    recogniser = open_file(checkpoint)
    at_8k = signals()[2]
    at_16k = resample(at_8k, from_hz=8000, to_hz=16000)
    assert recogniser.transcribe([at_8k], 8000) == recogniser.transcribe([at_16k], 16000)
    assert recogniser.transcribe([at_8k], 8000) != recogniser.transcribe([at_8k], 16000)


def test_signature_and_pickle(checkpoint: Path, folder: Path) -> None:
    recogniser = open_file(checkpoint, batch_size=3)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    version = importlib.metadata.version("openai-whisper")
    tail = f"openai-whisper:{version}|sha256:{digest[:8]}|greedy|no_timestamps|fp32|lang:en"
    assert recogniser.signature() == f"whisper:custom|{tail}|windows:30s"
    copy = shutil.copy(checkpoint, folder / "renamed.bin")
    assert open_file(copy).signature() == recogniser.signature()
    recogniser.transcribe([signals()[0]], 16000)
    again = pickle.loads(pickle.dumps(recogniser))
    assert len(pickle.dumps(recogniser)) < 1000
    assert again.batched
    assert again.signature() == recogniser.signature()
    assert again.transcribe(signals()[:3], 16000) == recogniser.transcribe(signals()[:3], 16000)
    on_gpu = WhisperRecogniser(checkpoint, name="custom", sha256=digest, device="cuda:1")
    assert "|fp16|" in on_gpu.signature()


class Evil:
    """Its pickle, when it is read, touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("entry", ["dims", "model_state_dict", "more"])
def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, entry: str) -> None:
    marker = tmp_path / "marker"
    path = make_checkpoint(tmp_path / "evil.pt", **{entry: Evil(marker)})
    with pytest.raises(CheckpointError, match=r"evil\.pt'.*values are allowed.*nothing in it was"):
        open_file(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dims": None}, "Whisper needs the entries 'dims' and 'model_state_dict'"),
        ({"dims": [80]}, "'dims' must name n_audio_ctx, n_audio_head"),
        ({"dims": {"n_mels": 80}}, "'dims' must name n_audio_ctx, n_audio_head"),
        ({"n_mels": 81}, "n_mels of 'dims' is 81, where Whisper has 80 or 128"),
        ({"n_audio_ctx": 750}, "n_audio_ctx of 'dims' is 750, where Whisper has 1500"),
        ({"n_text_ctx": "24"}, "n_text_ctx of 'dims' is '24', where .* a positive integer"),
        ({"n_text_state": 64}, "the weights do not fit its 'dims'"),
        ({"n_audio_layer": 3}, "the weights do not fit its 'dims'"),
        ({"model_state_dict": 3}, "holds no state dictionary of weights"),
    ],
)
def test_other_checkpoints(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    path = make_checkpoint(tmp_path / "odd.pt", **changes)
    if not {"dims", "model_state_dict"} & changes.keys():
        content = torch.load(path, weights_only=True)
        torch.save(content | {"dims": content["dims"] | changes}, path)
    with pytest.raises(CheckpointError, match=rf"checkpoint '.*odd\.pt'.*{problem}") as caught:
        open_file(path).transcribe(signals(), 16000)
    assert "\n" not in str(caught.value)


def test_damaged_files(tmp_path: Path, checkpoint: Path) -> None:
    cut = tmp_path / "cut.pt"
    cut.write_bytes(checkpoint.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"cut\.pt'.* damaged or cut short"):
        open_file(cut)
    cut.write_text("hello")
    with pytest.raises(CheckpointError, match=r"cut\.pt' is a text file, not a torch archive"):
        open_file(cut)
    shutil.copy(checkpoint, cut)
    recogniser = open_file(cut)
    make_checkpoint(cut, seed=9)
    with pytest.raises(CheckpointError, match=r"cut\.pt' changed since the run began"):
        recogniser.transcribe(signals(), 16000)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("whisper:bse.en", "no such size; did you mean 'base.en'"),
        ("whisper:", "no such size"),
        ("whisper", "no such size"),
        ("whisper:/nowhere/base.pt", "no file '/nowhere/base.pt'; give a size"),
        ("whisper:base.pt", "no file 'base.pt'"),
        ("whisper:~nobody_/x", "no file '~nobody_/x'"),
        ("whisper:/", "no file '/'"),
    ],
)
def test_no_such_model(spec: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"recogniser 'whisper:.*': {problem}"):
        open_recogniser(spec, device="cpu")


@pytest.fixture
def published(checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoint as if it were tiny.en, at an address that needs no network; the cache is an empty folder."""
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    file = folder / digest / "tiny.en.pt"
    file.parent.mkdir(exist_ok=True)
    shutil.copy(checkpoint, file)
    monkeypatch.setitem(whisper._MODELS, "tiny.en", file.as_uri())
    return file


def test_size_is_downloaded_once(published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = open_recogniser("whisper:tiny.en", device="cpu")
    assert first.signature().startswith("whisper:tiny.en|openai-whisper:")
    assert first.signature() == open_file(published).signature()  # the same file at a path
    assert first.transcribe(signals(), 16000) == open_file(published).transcribe(signals(), 16000)
    published.unlink()
    assert open_recogniser("whisper:tiny.en", device="cpu").signature() == first.signature()
    (tmp_path / "whisper" / "tiny.en.pt").write_bytes(b"cut")
    with pytest.raises(ConfigError, match=r"cannot download file://.*tiny\.en\.pt: .* put it at"):
        open_recogniser("whisper:tiny.en", device="cpu")


def test_size_is_found_in_the_home_folder(published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache" / "whisper").mkdir(parents=True)
    published.rename(tmp_path / ".cache" / "whisper" / "tiny.en.pt")
    assert open_recogniser("whisper:tiny.en", device="cpu").batched


def test_wrong_download_is_refused(published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make_checkpoint(published, seed=4)
    with pytest.raises(ConfigError, match=r"whisper:tiny\.en.*SHA256 checksum does not") as caught:
        open_recogniser("whisper:tiny.en", device="cpu")
    assert "\n" not in str(caught.value)


def test_package_missing(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper", None)
    line = r"package 'openai-whisper' cannot be imported .* pip install 'tsebench\[asr\]'"
    with pytest.raises(ConfigError, match=line):
        open_file(checkpoint)


def test_model_is_loaded_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    under_test._model.cache_clear()
    recogniser = open_file(checkpoint)
    assert under_test._model.cache_info().currsize == 0  # opening checks the file, no more
    for _ in range(2):
        recogniser.transcribe(signals()[:1], 16000)
    assert under_test._model.cache_info().misses == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Brown's colour, um, ISN'T grey!", "mister brown is color is not gray"),
        ("twenty-one dollars", "$21"),
        ("I'll [noise] pay (sighs) three percent.", "i will pay 3%"),
        ("JULIA KEEPS TWO WET WHITE FLOWERS", "julia keeps 2 wet white flowers"),
    ],
)
def test_english_normaliser(text: str, expected: str) -> None:
    normalise = open_normaliser("whisper_en")
    assert normalise(text) == expected
    assert normalise(expected) == expected
    version = importlib.metadata.version("openai-whisper")
    assert normalise.signature() == f"whisper_en:{version}:2"
    assert pickle.loads(pickle.dumps(normalise))(text) == expected


def test_english_normaliser_needs_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsebench.bench.asr.normalise import _whisper_english

    _whisper_english.cache_clear()
    monkeypatch.setitem(sys.modules, "whisper.normalizers", None)
    with pytest.raises(TsebenchError, match=r"'openai-whisper' cannot be imported"):
        open_normaliser("whisper_en")
