"""Any folder of real recordings with a table of trials: no clean references."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...core.errors import CorpusError
from ...core.file_tree import nfc
from ..activity import cut, joined, read_rttm, share_covered, spans_of
from ..protocols.corpus import CORPORA
from ..protocols.recordings import RecordedTrial, Stretch
from ..transcripts import clean_text
from ..types import RecordedTarget, Spans, Tag
from .disk.audio_tree import Channel
from .disk.csv_table import CsvTable, read_table, refuse_repeated
from .disk.file_entries import FileEntry, locate
from .disk.listed_corpus import ListedCorpus, Listing

_REQUIRED = ("mixture", "enrollment", "speaker")
_TIMES = ("start_s", "end_s", "enrollment_start_s", "enrollment_end_s")
_KNOWN = frozenset({*_REQUIRED, *_TIMES, "id", "split", "transcript", "language", "activity", "present"})
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")
_YES, _NO = ("", "yes", "true", "1"), ("no", "false", "0")


@CORPORA.register("real_folder")
class RealFolder(ListedCorpus):
    """A user's real recordings with a CSV table: one line for each target in each recording.

    Columns that must be there: `mixture` and `enrollment` (paths below the root; several enrollments are joined by
    `;`), `speaker`. Columns that may be: `transcript` (words of the target in the mixture), `language` (a code such as
    en or zh), `activity` (when the target speaks, in s: `0.52-3.10; 4-5.2`), `start_s` and `end_s` (the part of a long
    recording that is the mixture), `enrollment_start_s` and `enrollment_end_s`, `id` (of the trial), `split`, `present`
    (no: the wanted speaker is not in the mixture). Every other column is a tag that reports slice by, such as room.

    Args:
        table: CSV file of the trials, relative to the root.
        rttm: RTTM file, or folder of RTTM files, relative to the root, with the times of the speakers of whole
            recordings, which are named by their files without suffix; a cell of the column `activity` replaces them.
            null: none.
        language: of trials whose line names none, a code such as "en"; "": unknown.
        licence: of the recordings, for cards and reports.
        version: of the recordings, for cards; another version is another corpus.
        allow_missing: leave out listed files that are missing.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        table: str = "recordings.csv",
        rttm: str | None = None,
        language: str = "",
        channel: Channel = None,
        licence: str = "unknown",
        version: str = "unknown",
        allow_missing: bool = False,
    ) -> None:
        super().__init__(name=name, allow_missing=allow_missing)
        self.channel, self.licence, self.version = channel, licence, version
        self._root = Path(root).expanduser().absolute()
        self._table, self._rttm, self._language = table, rttm, language

    @property
    def root(self) -> Path:
        """Folder that all paths are relative to."""
        return self._root

    def recorded_trials(self, split: str) -> Sequence[RecordedTrial]:
        """The trials of a split, in the order of the table; without a column `split`, all are of "test"."""
        return [trial for trial, own in self._every if own == split]

    def _listings(self, split: str | None) -> Sequence[Listing]:  # noqa: ARG002 - there is one list
        return (self._listing,)

    @cached_property
    def _listing(self) -> Listing:
        entries: dict[str, FileEntry] = {}
        for trial, split in self._every:
            speaker = str(trial.tags["speaker"])
            for stretch, label in ((trial.mixture, "mixture"), *((s, speaker) for s in trial.enrollments)):
                path = stretch.path
                entries.setdefault(path, FileEntry(path=path, label=label, split=split, group=path))
        return Listing(title=f"listed in {self._table!r}", entries=entries)

    def _remedy(self) -> str:
        return f"complete the folder {str(self.root)!r}, whose table names them relative to it"

    @cached_property
    def _every(self) -> list[tuple[RecordedTrial, str]]:
        table = read_table(locate(self.root, self._table))
        found = list(self._read(table))
        ids = [trial.id for trial, _ in found]
        fix = "give both names of their own in a column `id`"
        refuse_repeated(table.path, zip(table.lines, ids, strict=True), what="trial", fix=fix)
        mixtures: dict[str, Stretch] = {}
        for line, (trial, _) in zip(table.lines, found, strict=True):
            if (other := mixtures.setdefault(trial.mixture_id, trial.mixture)) != trial.mixture:
                raise CorpusError(
                    f"{str(table.path)!r}, line {line}: {trial.mixture.path!r} and {other.path!r} of an earlier line "
                    f"would both be mixture {trial.mixture_id!r}; rename one of the files, or give times that differ "
                    "by 0.01 s or more"
                )
        return found

    @cached_property
    def _speech(self) -> Mapping[str, Mapping[str, Spans]]:
        """Times of the RTTM files by recording and speaker."""
        if self._rttm is None:
            return {}
        path = locate(self.root, self._rttm)
        files = sorted(path.glob("*.rttm")) if path.is_dir() else [path]
        if not files:
            raise CorpusError(f"{self._where}: {str(path)!r} holds no .rttm files; correct `rttm`")
        found: dict[str, dict[str, Spans]] = {}
        for file in files:
            for name, speakers in read_rttm(file).items():
                own = found.setdefault(name, {})
                own |= {who: joined((*own.get(who, ()), *spans)) for who, spans in speakers.items()}
        return found

    def _read(self, table: CsvTable) -> Iterator[tuple[RecordedTrial, str]]:
        for name in _REQUIRED:
            table.full_column(name, option="table")
        for line, row in zip(table.lines, table.rows, strict=True):
            cells = {name: nfc(cell) for name, cell in zip(table.header, row, strict=True)}
            where = f"{str(table.path)!r}, line {line}"
            yield self._trial(cells, where), cells.get("split") or "test"

    def _trial(self, cells: Mapping[str, str], where: str) -> RecordedTrial:
        start, end, *enrolled = (_time(cells.get(name, ""), f"{where}: {name}") for name in _TIMES)
        mixture = Stretch(path=self._path(cells["mixture"]), start_s=start or 0.0, end_s=end)
        enrollments = tuple(
            Stretch(path=self._path(cell.strip()), start_s=enrolled[0] or 0.0, end_s=enrolled[1])
            for cell in cells["enrollment"].split(";")
            if cell.strip()
        )
        mixture_id = _safe(mixture)
        language = cells.get("language") or self._language
        speech = {
            who: cut(spans, mixture.start_s, math.inf if end is None else end)
            for who, spans in self._speech.get(PurePosixPath(mixture.path).stem, {}).items()
        }
        target = self._target(cells, language, speech, where)
        tags: dict[str, Tag] = {"speaker": cells["speaker"], **({"language": language} if language else {})}
        tags |= {name: cell for name, cell in cells.items() if name not in _KNOWN and cell}
        if target is not None and target.activity and len(speech) > 1:
            others = [spans for who, spans in speech.items() if who != target.speaker]
            tags["overlap"] = round(share_covered(target.activity, others) or 0.0, 3)
        speaker = _UNSAFE.sub("_", cells["speaker"])
        return RecordedTrial(
            id=_UNSAFE.sub("_", cells["id"]) if cells.get("id") else f"{mixture_id}+{speaker}",
            mixture_id=mixture_id,
            mixture=mixture,
            enrollments=enrollments,
            target=target,
            tags=tags,
        )

    def _target(
        self, cells: Mapping[str, str], language: str, speech: Mapping[str, Spans], where: str
    ) -> RecordedTarget | None:
        """Facts on the target; None if the line says that it is absent."""
        present = cells.get("present", "").lower()
        if present not in (*_YES, *_NO):
            raise CorpusError(f"{where}: present = {present[:40]!r}; write yes or no")
        if present in _NO:
            return None
        activity = spans_of(cells["activity"], where=where) if cells.get("activity") else None
        if activity is None and speech:
            activity = speech.get(cells["speaker"], ())
        return RecordedTarget(
            speaker=cells["speaker"],
            transcript=clean_text(cells.get("transcript", "")),
            language=language,
            activity=activity,
        )

    def _path(self, cell: str) -> str:
        locate(self.root, cell)
        return posixpath.normpath(cell)


def _safe(mixture: Stretch) -> str:
    """Id of a recording, or of a stretch of one."""
    whole = _UNSAFE.sub("_", PurePosixPath(mixture.path).with_suffix("").as_posix())
    if mixture.end_s is None and not mixture.start_s:
        return whole
    end = "end" if mixture.end_s is None else f"{mixture.end_s:.2f}"
    return f"{whole}_{mixture.start_s:.2f}_{end}"


def _time(cell: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        found = float(cell)
    except ValueError:
        found = math.nan
    if not 0.0 <= found < math.inf:
        raise CorpusError(f"{where} = {cell[:40]!r} is no time; write seconds from the beginning of the file")
    return found
