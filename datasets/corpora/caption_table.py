"""A table of captions that a user wrote, by sound class or by trial; without audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import CorpusError
from ..protocols.corpus import CORPORA
from .disk.csv_table import CsvTable
from .disk.list_folder import ListFolder

KIND = "caption_table"
LONGEST = 1000
"""Characters of the longest caption."""


@dataclass(frozen=True, slots=True)
class TrialCaption:
    """Description of what a trial wants, and of what it does not want, if there is one."""

    text: str
    negative_text: str | None = None


@CORPORA.register(KIND)
class CaptionTable(ListFolder):
    """A folder with a CSV table of captions, for builders of sound mixtures with `clues: [text]`.

    With the columns `label` and `caption` it has captions of each class, one or several rows for each, of which one is
    drawn for each mixture. With the columns `trial` and `caption`, and perhaps `negative`, it has the texts of each
    trial of one set.

    Args:
        file: name of the table in the folder.
    """

    title = "table of captions"
    get = "name the folder that holds it with --corpus"
    version = "1"
    licence = "the user's own"

    def __init__(self, *, name: str, root: Path, file: str = "captions.csv") -> None:
        super().__init__(name=name, root=root)
        self._file = file

    @property
    def path(self) -> str:
        """The table, as messages name it."""
        return f"{self.name}:{self._file}"

    def by_label(self) -> Mapping[str, tuple[str, ...]] | None:
        """Captions of each class in the order of the table; None of a table by trial."""
        table = self.table(self._file)
        if "trial" in table.header:
            return None
        found: dict[str, tuple[str, ...]] = {}
        for label, caption in table.full_rows("label", "caption", option="file"):
            found[label] = (*found.get(label, ()), _checked(caption, table))
        return found

    def by_trial(self) -> Mapping[str, TrialCaption]:
        """Texts of each trial by its id."""
        table = self.table(self._file)
        trials, captions = table.key_column("trial", option="file"), table.full_column("caption", option="file")
        unwanted = table.column("negative") if "negative" in table.header else ("",) * len(trials)
        return {
            trial: TrialCaption(_checked(text, table), _checked(negative, table) or None)
            for trial, text, negative in zip(trials, captions, unwanted, strict=True)
        }


def _checked(caption: str, table: CsvTable) -> str:
    if len(caption) > LONGEST or not caption.isprintable():
        raise CorpusError(
            f"{str(table.path)!r}: caption {caption[:60]!r} has {len(caption)} characters; captions are one line of at "
            f"most {LONGEST} printable characters"
        )
    return caption
