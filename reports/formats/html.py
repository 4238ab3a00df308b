"""The report `html`: a folder of pages that need no network, light and dark, for a phone too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from ...core.text import names_of
from ..leaderboard.board import Leaderboard
from ..site.site import TRIALS, write_site
from .registry import REPORTS


def _several(value: object) -> object:
    """A list from one name, from names between commas, or from a list."""
    return names_of(value) if isinstance(value, str) else value


@REPORTS.register("html")
def write_html(
    board: Leaderboard,
    out: Path,
    *,
    trials: Annotated[int, Field(ge=0)] = TRIALS,
    trial: Annotated[Sequence[str], BeforeValidator(_several)] = (),
    corpora: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Pages: the leaderboard, each system, and the most informative trials with players.

    Args:
        trials: most trials that get a page: the worst and best of each system, turn by turn.
        trial: ids of further trials that get a page.
        corpora: folders of corpora by name, in addition to those of the user file; players need them.

    Raises:
        ConfigError: there is no trial of such an id.
    """
    return write_site(board, out, trials=trials, chosen=trial, corpus_dirs=corpora)
