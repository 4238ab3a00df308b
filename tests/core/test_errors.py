"""Lines of errors: one line, bounded, with what names the thing and the fix."""

from __future__ import annotations

import pytest

from tsebench.core.errors import LINE_LENGTH, ConfigError, UnknownNameError, listed, one_line, suggest


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
