"""Error rates in many languages: a perfect hypothesis has none, and others agree with jiwer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tsebench.bench.asr.languages import is_unspaced
from tsebench.bench.asr.normalise import open_normaliser
from tsebench.bench.metrics.protocol import Facts
from tsebench.bench.metrics.shared import error_rates
from tsebench.bench.outcome import Score
from tsebench.bench.scoring.edges import Scorable
from tsebench.bench.scoring.plan import MetricSpec, plan_metrics
from tsebench.bench.scoring.pool import FilePool
from tsebench.bench.scoring.scorer import Scorer
from tsebench.datasets.transcripts import clean_text

# By name: language, text, number of words, characters of the character error rate.
TEXTS = {
    "hindi": ("hi", "नमस्ते दुनिया", 2, 13),
    "thai": ("th", "สวัสดีครับ", 1, 10),
    "chinese": ("zh", "你好 世界", 2, 4),
    "japanese": ("ja", "こんにちは、世界。", 2, 7),
    "arabic": ("ar", "مَرْحَبًا بالعالم", 2, 17),
    "korean": ("ko", "안녕 세계", 2, 5),
    "korean_decomposed": ("ko", unicodedata.normalize("NFD", "안녕 세계"), 2, 5),
    "vietnamese": ("vi", "Tiếng Việt", 2, 10),
    "french_decomposed": ("fr", "les cafe\u0301s", 2, 9),
    "german": ("de", "große Straße", 2, 12),
    "turkish": ("tr", "Iğdır ışık İstanbul", 3, 19),
    "curly": ("en", "don’t stop", 2, 10),
    "many_marks": ("en", "q\u0307\u0323 z\u0335", 2, 6),
    "persian_zwnj": ("fa", "می\u200cخواهم بروم", 2, 12),
    "sinhala_zwj": ("si", "ශ්\u200dරී ලංකා", 2, 9),
    "full_width": ("en", "Ｈｅｌｌｏ　ｗｏｒｌｄ", 2, 11),
    "catalan": ("ca", "col·legi", 1, 8),
    "hebrew": ("he", "צה״ל ג׳ירפה", 2, 11),
    "bidi": ("ar", "\u200fمرحبا\u200f", 1, 5),
    "emoji": ("en", "I ❤️ it", 2, 4),
}


@dataclass(frozen=True)
class Says:
    """A recogniser that says one text, whatever it is given."""

    text: str
    batched = True

    def signature(self) -> str:
        return "says"

    def transcribe(self, signals: Sequence[NDArray[np.float32]], sample_rate_hz: int) -> list[str]:
        del sample_rate_hz
        return [self.text for _ in signals]


def scored(
    monkeypatch: pytest.MonkeyPatch, metric: str, said: str, heard: str, *, language: str | None = None
) -> Score:
    monkeypatch.setattr(error_rates, "open_recogniser", lambda *_, **__: Says(heard))
    signal = torch.randn(1600, generator=torch.Generator().manual_seed(0))
    item = Scorable(
        trial_id="t", estimate=signal, reference=signal, mixture=signal, facts=Facts(transcript=clean_text(said))
    )
    plan = plan_metrics([MetricSpec(name=metric, options={"language": language} if language else {})])
    with FilePool(0) as pool:
        return Scorer(plan, sample_rate_hz=16000, device="cpu", pool=pool).submit([item]).result()[0]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("metric", ["wer", "cer", "ter"])
def test_a_perfect_hypothesis_has_no_errors(monkeypatch: pytest.MonkeyPatch, name: str, metric: str) -> None:
    language, text, words, characters = TEXTS[name]
    for heard in (text, unicodedata.normalize("NFD", text)):
        found = scored(monkeypatch, metric, text, heard, language=language)
        assert (found.status, found.value) == ("ok", 0.0)
        unspaced = language in {"th", "zh", "ja"}
        assert found.weight == (characters if metric == "cer" or (metric == "ter" and unspaced) else words)
        assert scored(monkeypatch, metric, text, heard).value == 0.0  # also by default


def test_rates_agree_with_jiwer(monkeypatch: pytest.MonkeyPatch) -> None:
    said, heard = "große Straße am Fluss", "grosse Straße im Fluss da"
    normal = open_normaliser("basic", "de")
    for metric, theirs in (("wer", jiwer.wer), ("cer", jiwer.cer), ("ter", jiwer.wer)):
        found = scored(monkeypatch, metric, said, heard, language="de")
        assert found.value == pytest.approx(100 * theirs(normal(said), normal(heard)))
    found = scored(monkeypatch, "ter", "你好世界", "你好 十界", language="zh")
    assert found.value == pytest.approx(100 * jiwer.cer("你好世界", "你好十界")) == 25.0
    assert scored(monkeypatch, "ter", "你好世界", "你好 十界").value == 25.0


def test_signatures_name_the_language_and_the_normaliser(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: scored(monkeypatch, name, "a", "a").signature for name in ("wer", "cer", "ter")}
    # The recogniser is not of tsebench, so that its code is signed.
    for name, language in (("wer", "en"), ("cer", "auto"), ("ter", "auto")):
        assert re.match(rf"{name}\|says\|code:[0-9a-f]{{8}}\|basic:2\|language:{language}\|jiwer:", found[name])
    assert "|language:hi|" in scored(monkeypatch, "wer", "a", "a", language="hi").signature


@pytest.mark.parametrize(
    ("text", "unspaced"), [("你好 OK", True), ("สวัสดี", True), ("안녕 세계", False), ("hello 世", False), ("ｶﾀｶﾅ", True)]
)
def test_the_script_tells_languages_without_spaces(text: str, unspaced: bool) -> None:
    assert is_unspaced(text, "auto") is unspaced


@pytest.mark.parametrize(
    ("said", "heard"), [("don’t", "don't"), ("don´t", "don't"), ("Ｏｋ", "ok"), ("co\u00adop", "coop")]
)
def test_the_same_word_in_other_signs(said: str, heard: str) -> None:
    normal = open_normaliser("basic")
    assert normal(said) == normal(heard)
