"""Lines of errors: one line, bounded, with what names the thing and the fix."""

from __future__ import annotations

import pytest

from tsebench.core.errors import LINE_LENGTH, ConfigError, UnknownNameError, listed, one_line, python_words, suggest


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "a\nb\n" * 3000, "é " * 4000, "key " + repr("y" * 5000) + "; remove it"]
)
def test_a_line_is_bounded(text: str) -> None:
    line = str(ConfigError(text))
    assert len(line) <= LINE_LENGTH
    assert "\n" not in line
    assert line[:3] == " ".join(text.split())[:3]
    assert line[-3:] == " ".join(text.split())[-3:]


def test_a_short_line_stays() -> None:
    assert str(ConfigError("a, b")) == "a, b"
    assert one_line("a\n  b") == "a b"


def test_a_long_name_costs_itself_alone() -> None:
    line = str(ConfigError(f"no file {'x' * 4000!r} in the folder; check its name"))
    assert line.startswith("no file 'xxx")
    assert line.endswith("in the folder; check its name")


def test_lists_are_cut() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"
    assert listed([f"name{n}" for n in range(1000)]).endswith(" and 969 more")
    assert len(suggest("name1000", [f"name{n}" for n in range(10_000)])) < 400
    assert len(str(UnknownNameError("metric", "x" * 10_000, ["a"]))) <= LINE_LENGTH


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("choose another --out, or empty with --fresh", "choose another out=, or empty with fresh="),
        ("add --mixtures DIR, or leave it out", "add mixtures=, or leave it out"),
        ("add --corpus esc10=DIR", "add corpora={'esc10': DIR}"),
        ("build it with `tsebench build CONFIG --out DIR`", "build it with `tsebench build CONFIG --out DIR`"),
        ("'/tmp/x/estimates/a.wav' is cut", "'estimates/a.wav' is cut"),
        ("a -- dash and a--b stay", "a -- dash and a--b stay"),
    ],
)
def test_options_are_named_as_arguments_in_python(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught, python_words("/tmp/x"):
        raise ConfigError(text)
    assert str(caught.value) == line
