"""Word-error counts, text normalisers, and the registry of recognisers."""

from __future__ import annotations

import importlib.util
import math
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsebench.bench.asr.counting import Chunk, WordErrors, alignment, count_errors
from tsebench.bench.asr.normalise import Normaliser, open_normaliser
from tsebench.bench.asr.protocol import RECOGNISERS, import_package, open_recogniser
from tsebench.bench.outcome import UndefinedValueError
from tsebench.core.errors import ConfigError, UnknownNameError

needs_jiwer = pytest.mark.skipif(not importlib.util.find_spec("jiwer"), reason="jiwer is not installed")
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "it's"]), max_size=9)


def distance(said: list[str], recognised: list[str]) -> int:
    """Levenshtein's recursion, row by row."""
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(said, start=1):
        last, row = row, [i]
        for j, other in enumerate(recognised):
            row.append(min(last[j] + (word != other), last[j + 1] + 1, row[j] + 1))
    return row[-1]


@needs_jiwer
@settings(max_examples=300, deadline=None)
@given(said=WORDS.filter(bool), recognised=WORDS)
def test_counts_agree_with_levenshtein(said: list[str], recognised: list[str]) -> None:
    found = count_errors(" ".join(said), " ".join(recognised))
    assert found.edits == distance(said, recognised)
    assert found.words == len(said)
    assert found.hits + found.substitutions + found.insertions == len(recognised)
    assert found.rate == pytest.approx(100 * distance(said, recognised) / len(said), abs=1e-12)


@needs_jiwer
@settings(max_examples=200, deadline=None)
@given(said=WORDS.filter(bool), recognised=WORDS)
def test_alignment_is_of_both_texts_and_of_the_counts(said: list[str], recognised: list[str]) -> None:
    chunks = alignment(" ".join(said), " ".join(recognised))
    assert " ".join(c.reference for c in chunks if c.reference).split() == said
    assert " ".join(c.hypothesis for c in chunks if c.hypothesis).split() == recognised
    counts = dict.fromkeys(("equal", "substitute", "delete", "insert"), 0)
    for chunk in chunks:
        counts[chunk.kind] += max(len(chunk.reference.split()), len(chunk.hypothesis.split()))
        assert (chunk.reference == chunk.hypothesis) == (chunk.kind == "equal")
    assert WordErrors(*counts.values()) == count_errors(" ".join(said), " ".join(recognised))


@needs_jiwer
def test_each_kind_of_error() -> None:
    assert count_errors("a b c", "a x c") == WordErrors(2, 1, 0, 0)
    assert count_errors("a b c", "a c") == WordErrors(2, 0, 1, 0)
    assert count_errors("a b c", "a b b c") == WordErrors(3, 0, 0, 1)
    assert count_errors("a b c", "") == WordErrors(0, 0, 3, 0)
    assert count_errors(" a\tb ", "a\n b") == WordErrors(2, 0, 0, 0)
    assert count_errors("a", "b c d").rate == 300
    assert count_errors("A", "a").hits == 0  # case is the normaliser's business
    assert alignment("a b c d", "a x y d e") == (
        Chunk("equal", "a", "a"),
        Chunk("substitute", "b c", "x y"),
        Chunk("equal", "d", "d"),
        Chunk("insert", "", "e"),
    )
    assert math.isnan(WordErrors(0, 0, 0, 2).rate)


@pytest.mark.parametrize("count", [count_errors, alignment])
@pytest.mark.parametrize("reference", ["", " \n "])
def test_no_reference(count: object, reference: str) -> None:
    with pytest.raises(UndefinedValueError, match=r"^no_transcript$"):
        count(reference, "a")  # type: ignore[operator]


@settings(deadline=None)
@given(st.text(alphabet="aB ,.'\"[]()<>*~\\-", max_size=30))
def test_normalisers_keep_letters_and_settle(text: str) -> None:
    for name in ("none", "basic"):
        normalise = open_normaliser(name)
        once = normalise(text)
        assert normalise(once) == once
        assert once.lower().count("a") == text.lower().count("a")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("none", "  It's  A–B,\tok! ", "It's A–B, ok!"),
        ("basic", " It’s 'A'–B,\tok!  Twenty-one. ' ¿x_y? café", "it's 'a' b ok twenty one x y café"),
        ("basic", "JULIA'S DOGS' 3.5 $5", "julia's dogs' 3 5 5"),
        ("basic", "… -- !", ""),
    ],
)
def test_normalisers(name: str, text: str, expected: str) -> None:
    normalise = open_normaliser(name)
    assert normalise(text) == expected
    assert normalise.signature() == f"{name}:2"
    assert pickle.loads(pickle.dumps(normalise)) == normalise == Normaliser(name)


def test_unknown_normaliser() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown normaliser 'basik'; did you mean 'basic'"):
        open_normaliser("basik")


def test_unknown_recogniser() -> None:
    with pytest.raises(ConfigError, match=r"unknown recogniser 'wisper'; did you mean 'whisper'"):
        open_recogniser("wisper:base", device="cpu")
    with pytest.raises(ConfigError, match="batch_size = 0; set it to 1 or more"):
        open_recogniser("pocketsphinx", device="cpu", batch_size=0)
    assert {"whisper", "pocketsphinx"} <= set(RECOGNISERS.names())


def test_missing_package() -> None:
    line = r"package 'no-such' is not installed, .* pip install 'tsebench\[asr\]'$"
    with pytest.raises(ConfigError, match=line):
        import_package("json", distribution="no-such")
    with pytest.raises(ConfigError, match=r"'numpy' cannot be imported \(No module named 'nope'\)"):
        import_package("nope", distribution="numpy")


def test_modules_are_cheap_to_import() -> None:
    modules = ("protocol", "counting", "normalise", "pocketsphinx", "whisper")
    program = "import sys\n" + "".join(f"import tsebench.bench.asr.{m}\n" for m in modules)
    program += "print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"torch", "scipy", "pandas", "whisper", "numba", "jiwer", "pocketsphinx", "pydantic"}
    assert not heavy & set(done.stdout.split())
