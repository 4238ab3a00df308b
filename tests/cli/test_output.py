"""No text of a run acts on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.table import Table
from rich.text import Text

from tsebench.cli.output import SafeConsole, print_error

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\u202eb\x00\ud800"


@pytest.mark.parametrize("terminal", [False, True])
def test_control_characters_are_shown(terminal: bool) -> None:
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=terminal, width=200, color_system=None)
    grid = Table("name")
    grid.add_row(Text(HOSTILE))
    console.print(grid)
    console.print(HOSTILE, markup=False, highlight=False, soft_wrap=True)
    console.print(Text(HOSTILE))
    assert not set("\x1b\x07\x9b\u202e\x00\ud800") & set(file.getvalue())
    assert file.getvalue().count("\\x1b[2J") == 3
    file.getvalue().encode()


def test_an_error_line_holds_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(f"no file {HOSTILE}")
    assert "\x1b" not in capsys.readouterr().err
