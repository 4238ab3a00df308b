"""Facts on trials in addition to their signals: words, languages, speech activity, recognised words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import ConfigError
from ...datasets.activity import joined, read_rttm, spans_of
from ...datasets.corpora.disk.csv_table import read_table, refuse_repeated
from ...datasets.transcripts import clean_text, read_texts
from ...datasets.types import RecordedTarget, Spans
from .audio_folder import key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FactFiles:
    """Files of facts on trials, which `score` takes; None: not given.

    Attributes:
        transcripts: CSV file with the columns `name` (of the trial, without suffix) and `text`, and perhaps `language`.
        enrollments: folder with one recording of each target's voice, by name.
        activity: when each target speaks: a CSV file with the columns `name` and `activity` (`0.5-1.2; 2-3`, in s), or
            an RTTM file whose file names are those of the trials.
        recognised: CSV file of words that were recognised in the estimates elsewhere, with `name` and `text`.
    """

    transcripts: Path | None = None
    enrollments: Path | None = None
    activity: Path | None = None
    recognised: Path | None = None


NO_FACTS = FactFiles()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFacts:
    """Facts by trial, in the order of the trials; trials of which one is unknown lack it."""

    transcripts: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    activity: Mapping[str, Spans] = field(default_factory=dict)
    recognised: Mapping[str, str] = field(default_factory=dict)

    def target(self, key: str) -> RecordedTarget:
        """The target of a trial without reference."""
        return RecordedTarget(
            speaker=key,
            transcript=self.transcripts.get(key),
            language=self.languages.get(key, ""),
            activity=self.activity.get(key),
        )

    def texts(self) -> Iterator[str]:
        """The facts that belong to the trials, as texts for a fingerprint; recognised words belong to the answers."""
        yield from (f"{key}\0{text}" for key, text in self.transcripts.items())
        yield from (f"language\0{key}\0{code}" for key, code in self.languages.items())
        yield from (f"activity\0{key}\0{spans}" for key, spans in self.activity.items())


@dataclass(frozen=True, slots=True)
class FactTables:
    """Contents of files of facts, read once; trials are those that the files name."""

    files: FactFiles
    texts: Mapping[str, tuple[str | None, str]]
    activity: Mapping[str, Spans]
    recognised: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """Trials that transcripts or activity name, sorted: those that are wanted where nothing else says so."""
        return sorted({*self.texts, *self.activity})

    def of(self, keys: Sequence[str]) -> KnownFacts:
        """Facts on these trials.

        Raises:
            ConfigError: a file names none of them.
        """
        said = {key: text for key, (text, _) in self.texts.items() if text}
        for option, path, named in (
            ("--transcripts", self.files.transcripts, said),
            ("--activity", self.files.activity, self.activity),
            ("--recognised", self.files.recognised, self.recognised),
        ):
            if path is not None:
                _check_names(path, keys, named, option)
        return KnownFacts(
            transcripts={key: said[key] for key in keys if key in said},
            languages={key: self.texts[key][1] for key in keys if key in self.texts and self.texts[key][1]},
            activity={key: self.activity[key] for key in keys if key in self.activity},
            recognised={key: self.recognised[key] for key in keys if key in self.recognised},
        )


def read_facts(files: FactFiles) -> FactTables:
    """Contents of the files.

    Raises:
        ConfigError: a file is missing, lacks a column, or names a trial twice.
    """
    return FactTables(
        files,
        _texts(files.transcripts, "--transcripts") if files.transcripts else {},
        _activity(files.activity) if files.activity else {},
        _recognised(files.recognised) if files.recognised else {},
    )


def _check_names(path: Path, keys: Sequence[str], named: Collection[str], option: str) -> None:
    if set(keys) & set(named):
        return
    there = next(iter(named), "nothing")
    raise ConfigError(
        f"{option} {str(path)!r} names none of the trials: {keys[0]!r} is wanted and {there!r} is there; its names are "
        "paths of the files below their folder, without suffix"
    )


def _texts(path: Path, option: str) -> dict[str, tuple[str | None, str]]:
    """Text and language by name; a name may have a suffix, which does not count."""
    _check_file(path, option, "a CSV file with the columns name and text")
    table = read_table(path)
    names = [key_of(name) for name in table.full_column("name", option=option)]
    refuse_repeated(path, zip(table.lines, names, strict=True), what="name", error=ConfigError)
    texts = map(clean_text, table.column("text", option=option))
    codes = table.column("language") if "language" in table.header else [""] * len(names)
    return dict(zip(names, zip(texts, codes, strict=True), strict=True))


def _recognised(path: Path) -> dict[str, str]:
    _check_file(path, "--recognised", "a CSV file with the columns name and text")
    return read_texts(path, option="--recognised")


def _activity(path: Path) -> dict[str, Spans]:
    _check_file(path, "--activity", "a CSV file with the columns name and activity, or an RTTM file")
    if path.suffix == ".rttm":
        return {
            key_of(name): joined(s for spans in who.values() for s in spans) for name, who in read_rttm(path).items()
        }
    table = read_table(path)
    names = [key_of(name) for name in table.full_column("name", option="--activity")]
    refuse_repeated(path, zip(table.lines, names, strict=True), what="name", error=ConfigError)
    cells = zip(names, table.lines, table.column("activity", option="--activity"), strict=True)
    return {name: spans_of(cell, where=f"{str(path)!r}, line {line}") for name, line, cell in cells}


def _check_file(path: Path, option: str, wanted: str) -> None:
    if not path.is_file():
        problem = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"{option} {str(path)!r} {problem}; give {wanted}")
