"""REAL-T: real conversations for target speaker extraction (Li et al., Interspeech 2025)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.errors import CorpusError
from ..activity import cut, joined, share_covered
from ..protocols.corpus import CORPORA
from ..protocols.recordings import RecordedTrial, Stretch
from ..transcripts import clean_text
from ..types import RecordedTarget, Spans, Tag
from .disk.csv_table import CsvTable, read_table, refuse_repeated
from .disk.file_entries import FileEntry, locate
from .disk.listed_corpus import ListedCorpus, Listing

SPLIT = "test"
_META = "_meta.csv"
_NAME = re.compile(r"(.+)_mixture_([0-9]+(?:\.[0-9]+)?)_([0-9]+(?:\.[0-9]+)?)")
_SAFE = re.compile(r"[A-Za-z0-9_.+-]+")
_TOLERANCE_S = 0.02  # of a mixture's times, which names round
_LANGUAGES = {"chs": "zh", "cn": "zh", "mandarin": "zh", "english": "en"}
_COLUMNS = ("mixture_utterance", "enrolment_speakers_utterance", "source", "language", "speaker")
_MEASURES = {"speaker_ratio": float, "mixture_ratio": float, "total_number_of_speaker": int}
_TAGS = {"total_number_of_speaker": "n_speakers"}


@CORPORA.register("real_t")
class RealT(ListedCorpus):
    """REAL-T as it is published: mixtures of AISHELL-4, AliMeeting, AMI, CHiME6 and DipCo, in Mandarin and English.

    `<root>/<subset>/<source>_meta.csv` lists the trials, `mixtures/<mixture>.wav` and `enrolment_speakers/<name>.wav`
    are their files, and `json/<source>/overlap_records.json` says who speaks when. A trial is one mixture with one
    enrollment, and its id is `<mixture>-<enrollment>`, the name that the project's scripts give to an estimate. Without
    the JSON file of a source, or a record of a mixture, activity is unknown, and timing metrics have no value.

    Args:
        subset: list of the trials: "BASE" or "PRIMARY" of the paper, "DEV", "EVAL1" or "EVAL2" of the challenge.
        allow_missing: leave out listed files that are missing.
    """

    version = "unknown"
    licence = "CC BY-SA 4.0; audio by the licences of its five corpora"

    def __init__(self, *, name: str, root: Path, subset: str = "PRIMARY", allow_missing: bool = False) -> None:
        super().__init__(name=name, allow_missing=allow_missing)
        self._where = f"corpus {name!r} (REAL-T)"
        self._subset = subset
        self._root = _found(Path(root).expanduser().absolute(), subset)

    @property
    def root(self) -> Path:
        """Folder that all paths are relative to."""
        return self._root

    def recorded_trials(self, split: str) -> Sequence[RecordedTrial]:
        """All trials of the subset, sorted by source, in the order of its table."""
        return [trial for source in self._sources for trial in self._trials(source)] if split == SPLIT else []

    def _listings(self, split: str | None) -> Sequence[Listing]:  # noqa: ARG002 - there is one list
        return (self._listing,)

    @cached_property
    def _listing(self) -> Listing:
        entries: dict[str, FileEntry] = {}
        for trial in self.recorded_trials(SPLIT):
            for path, label in ((trial.mixture.path, "mixture"), (trial.enrollments[0].path, _speaker(trial))):
                entries.setdefault(path, FileEntry(path=path, label=label, split=SPLIT, group=path))
        return Listing(title=f"listed in {self._subset}", entries=entries)

    def _remedy(self) -> str:
        return "complete it from https://real-tse.github.io"

    @cached_property
    def _sources(self) -> tuple[_Source, ...]:
        folder = self.root / self._subset
        files = sorted(folder.glob(f"*{_META}")) if folder.is_dir() else []
        if not files:
            raise CorpusError(
                f"{self._where}: {str(folder)!r} has no <source>{_META}; give the folder that holds {self._subset}/, "
                "mixtures/ and enrolment_speakers/, or set `subset` to one that is there"
            )
        return tuple(_Source(name=file.name.removesuffix(_META), table=read_table(file)) for file in files)

    def _trials(self, source: _Source) -> list[RecordedTrial]:
        table = source.table
        rows = list(table.full_rows(*_COLUMNS))
        texts = (
            table.column("ground_truth_transcript") if "ground_truth_transcript" in table.header else [""] * len(rows)
        )
        more = {name: table.column(name) for name in ("gender", *_MEASURES) if name in table.header}
        ids = [f"{mixture}-{enrolled}" for mixture, enrolled, *_ in rows]
        refuse_repeated(table.path, zip(table.lines, ids, strict=True), what="trial")
        records = self._records(source.name)
        found: list[RecordedTrial] = []
        for place, (mixture, enrolled, corpus, language, speaker) in enumerate(rows):
            where = f"{str(table.path)!r}, line {table.lines[place]}"
            if not _SAFE.fullmatch(ids[place]):
                raise CorpusError(f"{where}: {ids[place]!r} cannot be a file name; restore the table")
            speech = _speech_in(records, mixture)
            activity = None if speech is None else speech.get(speaker, ())
            code = _LANGUAGES.get(language.lower(), language.lower())
            tags: dict[str, Tag] = {"language": code, "corpus": corpus}
            tags |= _measured({name: cells[place] for name, cells in more.items()}, where=where)
            if activity and speech is not None:
                others = [spans for who, spans in speech.items() if who != speaker]
                tags["overlap"] = round(share_covered(activity, others) or 0.0, 3)
            target = RecordedTarget(
                speaker=speaker, transcript=clean_text(texts[place]), language=code, activity=activity
            )
            found.append(
                RecordedTrial(
                    id=ids[place],
                    mixture_id=mixture,
                    mixture=Stretch(path=f"mixtures/{mixture}.wav"),
                    enrollments=(Stretch(path=f"enrolment_speakers/{enrolled}.wav"),),
                    target=target,
                    tags=tags,
                )
            )
        return found

    def _records(self, source: str) -> Mapping[str, Any] | None:
        """Records of a source by session; None without its file."""
        path = locate(self.root, f"json/{source}/overlap_records.json")
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CorpusError(f"{self._where}: cannot read {str(path)!r}: {str(error)[:200]}; restore it") from None
        if not isinstance(found, dict):
            raise CorpusError(f"{self._where}: {str(path)!r} holds no records by session; restore it")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Table of the trials from one source corpus."""

    name: str
    table: CsvTable


def _found(root: Path, subset: str) -> Path:
    """The folder that holds the subset: the root, or the only one in it."""
    if (root / subset).is_dir() or not root.is_dir():
        return root
    inner = [child for child in sorted(root.iterdir()) if (child / subset).is_dir()]
    return inner[0] if len(inner) == 1 else root


def _speaker(trial: RecordedTrial) -> str:
    return trial.target.speaker if trial.target is not None else "unknown"


def _measured(cells: Mapping[str, str], *, where: str) -> dict[str, Tag]:
    """Tags of a row; empty cells have none."""
    tags: dict[str, Tag] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        kind = _MEASURES.get(name)
        try:
            value: Tag = cell if kind is None else int(float(cell)) if kind is int else round(float(cell), 3)
        except (ValueError, OverflowError):
            raise CorpusError(f"{where}: {name} = {cell[:40]!r} is no number; restore the table") from None
        if isinstance(value, str) or math.isfinite(value):
            tags[_TAGS.get(name, name)] = value
    return tags


def _speech_in(records: Mapping[str, Any] | None, mixture: str) -> Mapping[str, Spans] | None:
    """Times by speaker in a mixture, from its beginning; None if they are unknown."""
    named = _NAME.fullmatch(mixture)
    if records is None or named is None:
        return None
    start, end = float(named[2]), float(named[3])
    try:
        for record in records.get(named[1], []):
            info = record["overlap_info"]
            ends = (float(info["overlap_start_time"]), float(info["overlap_end_time"]))
            if max(abs(ends[0] - start), abs(ends[1] - end)) <= _TOLERANCE_S:
                return _by_speaker(record["overlap_segments"], start, end)
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(
            f"REAL-T: a record of session {named[1]!r} is damaged ({error!r}); restore the file"
        ) from None
    return None


def _by_speaker(segments: Sequence[Mapping[str, Any]], start_s: float, end_s: float) -> Mapping[str, Spans]:
    spans: dict[str, list[tuple[float, float]]] = {}
    for segment in segments:
        times = (float(segment["start_time"]), float(segment["end_time"]))
        spans.setdefault(str(segment["speaker"]), []).append(times)
    return {who: cut(joined(times), start_s, end_s) for who, times in spans.items()}
