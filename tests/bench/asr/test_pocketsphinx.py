"""PocketSphinx for real: words of the synthetic voices, order, edges, grammars."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from tsebench.bench.asr import pocketsphinx as sphinx
from tsebench.bench.asr.counting import count_errors
from tsebench.bench.asr.normalise import open_normaliser
from tsebench.bench.asr.pocketsphinx import PocketSphinx
from tsebench.bench.asr.protocol import open_recogniser
from tsebench.core.errors import ConfigError
from tsebench.datasets.corpora.synthetic_speech import SyntheticSpeech
from tsebench.datasets.signals.audio import Samples, resample

pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
pytest.importorskip("jiwer", reason="jiwer is not installed")

RATE_HZ = 22050


@pytest.fixture(scope="module")
def speech() -> list[tuple[Samples, str]]:
    """Sixteen sentences at 22.05 kHz, two of each test voice, with what they say."""
    corpus = SyntheticSpeech(utterances=2)
    chosen = [r for r in corpus.recordings() if r.split == "test"]
    return [(corpus.read(r.path)[0], str(r.transcript)) for r in chosen]


@pytest.fixture
def matrix() -> Iterator[PocketSphinx]:
    """A recogniser without earlier signals."""
    sphinx._decoder.cache_clear()
    yield PocketSphinx(SyntheticSpeech().grammar())
    sphinx._decoder.cache_clear()


def pooled_rate(texts: list[str], said: list[str]) -> float:
    basic = open_normaliser("basic")
    counts = [count_errors(basic(a), basic(b)) for a, b in zip(said, texts, strict=True)]
    return 100 * sum(c.edits for c in counts) / sum(c.words for c in counts)


def test_words_of_clean_speech_and_of_mixtures(matrix: PocketSphinx, speech: list[tuple[Samples, str]]) -> None:
    signals, said = [s for s, _ in speech], [text for _, text in speech]
    clean = pooled_rate(matrix.transcribe(signals, RATE_HZ), said)
    mixtures = [mix(signals[k], signals[k - 2]) for k in range(len(signals))]  # of two voices
    mixed = pooled_rate(matrix.transcribe(mixtures, RATE_HZ), said)
    print(f"word error rates: clean {clean:.1f} %, mixtures {mixed:.1f} %")
    assert clean <= 15
    assert mixed >= 40


def mix(a: Samples, b: Samples) -> Samples:
    mixture = np.zeros(max(len(a), len(b)), dtype=np.float32)
    mixture[: len(a)] += a
    mixture[: len(b)] += b
    return mixture


def odd_signals() -> list[Samples]:
    """Signals at the edges: silent, all but silent, short, loud."""
    rng = np.random.default_rng(1)
    click = np.zeros(16000, dtype=np.float32)
    click[8000] = 2**-15
    lsb = np.tile(np.array([2**-15, -(2**-15)], dtype=np.float32), 8000)
    noise = rng.standard_normal(16000).astype(np.float32)
    return [np.zeros(16000, dtype=np.float32), click, lsb, noise / 10, noise[:800], 9 * noise]


@pytest.mark.parametrize("own_model", [False, pytest.param(True, marks=pytest.mark.long)])
def test_transcripts_do_not_depend_on_what_came_before(speech: list[tuple[Samples, str]], own_model: bool) -> None:
    """Scores are compared to the last digit, as they move before words do."""
    recogniser = PocketSphinx(None if own_model else SyntheticSpeech().grammar())
    spoken = [resample(s, from_hz=RATE_HZ, to_hz=16000) for s, _ in speech[:6]]
    # The language model takes a second for each second.
    signals = [s[:8000] for s in odd_signals()] + ([spoken[0][:16000]] if own_model else spoken)

    def listen(order: list[int]) -> dict[int, tuple[str, float, float] | None]:
        sphinx._decoder.cache_clear()
        found: dict[int, tuple[str, float, float] | None] = {}
        for k in order:
            (text,) = recogniser.transcribe([signals[k]], 16000)
            best = sphinx._decoder(recogniser.grammar).hyp()
            found[k] = (text, best.score, best.prob) if best else None
        return found

    order = list(range(len(signals)))
    first = listen(order)
    assert any(first.values())
    assert listen(order[::-1]) == first
    assert listen(order[3:] + order[:3]) == first
    assert listen([0, 4, 0]) == {k: first[k] for k in (0, 4)}


def test_sphinx_signature_and_pickle() -> None:
    version = importlib.metadata.version("pocketsphinx")
    grammar = SyntheticSpeech().grammar()
    digest = hashlib.sha256(grammar.encode()).hexdigest()[:8]
    made = open_recogniser("pocketsphinx", device="cpu", grammar=grammar)
    assert made.signature() == f"pocketsphinx:{version}|grammar:{digest}"
    assert PocketSphinx().signature() == f"pocketsphinx:{version}|lm:en-us"
    assert not made.batched
    assert len(pickle.dumps(made)) < len(grammar) + 500
    assert pickle.loads(pickle.dumps(made)).signature() == made.signature()


def test_sphinx_edges(matrix: PocketSphinx) -> None:
    assert matrix.transcribe([], 8000) == []
    empty, short = np.zeros(0, dtype=np.float32), np.full(400, 0.1, dtype=np.float32)
    assert matrix.transcribe([empty, short, *odd_signals()], 8000) == [""] * 8


def test_samples_are_clipped_not_rescaled_or_wrapped() -> None:
    signal = np.array([0.5, 1.5, -1.5, 1.0, -1.0, 0.0], dtype=np.float32)
    codes = np.frombuffer(sphinx._codes(signal, 16000), dtype="<i2")
    assert codes.tolist() == [16384, 32767, -32768, 32767, -32768, 0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("public <s> = hello xyzzyx;", r"its dictionary has no 'xyzzyx' \(1 such words"),
        ("public <s> = HELLO | <t>;\n<t> = world;", "has no 'HELLO'"),
        ("<s> = hello;", "not JSGF with a public rule"),
        ("public <s> = hello", "not JSGF with a public rule"),
    ],
)
def test_grammar_is_refused(body: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"pocketsphinx refuses the grammar: .*{problem}"):
        open_recogniser("pocketsphinx", device="cpu", grammar=f"#JSGF V1.0;\ngrammar g;\n{body}\n")


def test_sphinx_takes_no_argument() -> None:
    with pytest.raises(ConfigError, match="'pocketsphinx:small' has an argument"):
        open_recogniser("pocketsphinx:small", device="cpu")
