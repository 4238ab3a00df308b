"""All systems of a run on one dataset: which shards are missing, and how they are written.

The unit of work is one sample of one system: shards, kept estimates and cached scores are its own, so that a run that
asks for more samples goes on with the new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...datasets.seeding import digest
from ...systems.protocol import AnySystem
from ..row_files import RowFile, chunks_of, files_of, give_up, join, path_of
from ..rows import crashed_values, failed_values, write_shard
from ..score_row import ROWS
from .earlier import forget
from .estimate_files import FOLDER, estimate_path, estimates_folder, sample_folder
from .estimate_store import SystemAnswers
from .evaluation import Evaluation
from .open_datasets import OpenSet
from .prepare import MissingShard, PlannedRun
from .set_scores import SetScores
from .trial_tags import VERSION, TrialTags

Part = tuple[str, int]
"""Title of a system, and number of the sample."""


class DatasetRun:
    """All systems of a run on one dataset.

    Args:
        own: chunks that this process computes.
        first: chunks of the sets before this one.
    """

    def __init__(
        self, each: OpenSet, evaluation: Evaluation, run: PlannedRun, run_id: str, *, own: Sequence[int], first: int
    ) -> None:
        self._set, self._evaluation, self._run, self._run_id = each, evaluation, run, run_id
        self._own, self._first = own, first
        self._folder = run.options.out / ROWS
        self._sources = dict(self._all_sources())
        self._stems = {part: self._stem(part) for part in self._sources}
        self._paths = {part: self._shards(stem) for part, stem in self._stems.items()}

    def files(self) -> list[Path]:
        """The files of rows that are there, of all systems; others than this process writes are left out."""
        return [file.path for part in self._stems for file in self._files(part)]

    def _files(self, part: Part) -> list[RowFile]:
        alone, own = set(self._paths[part].values()), set(self._own)
        return [
            file
            for file in files_of(self._folder, self._stems[part])
            if (own.issuperset(file.chunks) if file.joined else file.path in alone)
        ]

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """Chunks of the sets before, and of this one, by the beginning of the names of shards; see `ShardRecord`."""
        return dict.fromkeys(self._stems.values(), (self._first, len(self._evaluation.chunks)))

    @property
    def trials_by_title(self) -> dict[str, int]:
        """Answers that this process evaluates."""
        own = sum(len(self._evaluation.chunks[chunk]) for chunk in self._own)
        return {title: own * self._run.samples[title] for title in self._set.systems}

    def take_over(self, *, goes_on: bool) -> dict[str, int]:
        """Answers by title that an interrupted run has, of systems that may depend on unknown files.

        If the run does not go on, what is there of them is removed.
        """
        taken: dict[str, int] = {}
        for title in self._set.systems:
            if not self._run.identities[title].unseen:
                continue
            parts = [part for part in self._paths if part[0] == title]
            if goes_on:
                taken[title] = sum(len(self._answered(part)) for part in parts)
            else:
                paths = [file.path for part in parts for file in self._files(part)]
                forget(paths, estimates=self._estimates(title), title=title)
        return taken

    def _answered(self, part: Part) -> set[str]:
        """Ids of trials of which rows or estimates of a sample are there."""
        trials = self._set.dataset.trials
        ids = {chunk: [trials[index].id for index in self._evaluation.chunks[chunk]] for chunk in self._own}
        scored = {name for chunk in chunks_of(self._files(part)) for name in ids[chunk]}
        folder = sample_folder(self._estimates(part[0]), part[1]) if self._run.config.keep_estimates else None
        every = (name for names in ids.values() for name in names)
        return scored | {name for name in every if folder is not None and estimate_path(folder, name).is_file()}

    def run(self, *, baseline: AnySystem, perfect: AnySystem) -> None:
        """Write the shards that are missing.

        Args:
            baseline: answers with the mixture; improvements are over it.
            perfect: answers with the reference.
        """
        plan, progress, tags_of = self._set.plan, self._run.options.progress, TrialTags(self._set.dataset).tags
        scores = SetScores(self._evaluation, run_id=self._run_id, progress=progress, tags_of=tags_of, own=self._own)
        missing = self._missing()
        wanted = sorted({chunk for chunks in missing.values() for chunk in chunks})
        scores.announce((self._sources[part], chunks) for part, chunks in missing.items())
        if plan.improvements and wanted:
            self._score_mixtures(scores, self._source(baseline), wanted)
        if plan.reference_values and wanted and not all(trial.recorded for trial in self._set.dataset.trials):
            scores.score_references(self._source(perfect), wanted)
        for part, chunks in missing.items():
            for found in scores.rows(part[0], self._sources[part], chunks):
                write_shard(self._paths[part][found.chunk], found.rows)
            self._join(part)

    def join(self) -> None:
        """Join the files of each system that is complete."""
        for part in self._stems:
            self._join(part)

    def _join(self, part: Part) -> None:
        if self._run.options.chosen is None:
            join(self._folder, self._stems[part], self._own)

    def missing(self) -> list[MissingShard]:
        """Files that are to be written."""
        chunks, name = self._evaluation.chunks, self._set.dataset.card.name
        return [
            MissingShard(path=self._paths[part][chunk], dataset=name, chunk=chunk, trials=len(chunks[chunk]))
            for part, numbers in self._missing().items()
            for chunk in numbers
        ]

    def _missing(self) -> dict[Part, list[int]]:
        """Chunks without rows, or to be tried again: values crashed or had no room, or failed.

        Joined files give up those that are tried again.
        """
        options = self._run.options
        lost_in, verb = (failed_values, "failed") if options.retry_failed else (crashed_values, "crashed")
        missing, values = {}, 0
        for part, paths in self._paths.items():
            files = self._files(part)
            there = chunks_of(files)
            lost = [name for file in files for name in lost_in(file.path)]
            values += len(lost)
            again = self._chunks_with(set(lost)) if lost else {}
            give_up(self._folder, self._stems[part], again)
            missing[part] = [chunk for chunk in paths if chunk in again or chunk not in there]
        if values:
            options.say(f"{self._set.dataset.card.name}: {values} values {verb} before; their trials are tried again")
        return missing

    def _chunks_with(self, names: set[str]) -> dict[int, list[str]]:
        """Ids of all trials of the chunks that hold some trials, by chunk."""
        trials = self._set.dataset.trials
        ids = {chunk: [trials[index].id for index in self._evaluation.chunks[chunk]] for chunk in self._own}
        return {chunk: own for chunk, own in ids.items() if not names.isdisjoint(own)}

    def _score_mixtures(self, scores: SetScores, source: SystemAnswers, wanted: Sequence[int]) -> None:
        """Score the mixtures: of a baseline that is no system of the run, what improvements need."""
        same = next((own for own in self._sources.values() if own.identity == source.identity), None)
        metrics = None if same else [gain.base for gain in self._set.plan.improvements]
        scores.score_mixtures(same or source, wanted, metrics=metrics)

    def _all_sources(self) -> Iterator[tuple[Part, SystemAnswers]]:
        """Answers of all samples; those of one system come from the same one, whose batches may have shrunk."""
        for title in self._set.systems:
            first = self._source(self._run.systems[title], title)
            for sample in range(self._run.samples[title]):
                yield (title, sample), first.of_sample(sample)

    def _source(self, system: AnySystem, title: str | None = None) -> SystemAnswers:
        """First answers of a system; those of a system of the run are stored if the run keeps estimates."""
        card, run = self._set.dataset.card, self._run
        folder = None
        if title is not None and run.config.keep_estimates:
            folder = self._estimates(title)
        return SystemAnswers(
            system,
            device=run.device,
            batch_size=run.config.batch_size,
            sample_rate_hz=card.sample_rate_hz,
            folder=folder,
            identity=None if title is None else run.identities[title],
        )

    def _estimates(self, title: str) -> Path:
        card, identity = self._set.dataset.card, self._run.identities[title].digest
        root = self._run.options.out / FOLDER
        return estimates_folder(root, dataset=card.name, title=title, identity=identity, fingerprint=card.fingerprint)

    def _shards(self, stem: str) -> dict[int, Path]:
        """Paths of the files of single chunks, by chunk."""
        paths = {chunk: path_of(self._folder, stem, chunk) for chunk in self._own}
        chosen = self._run.options.chosen
        return {chunk: path for chunk, path in paths.items() if chosen is None or path.name in chosen.names}

    def _stem(self, part: Part) -> str:
        """Beginning of names: it holds a digest of all that determines the rows, and a later sample its number."""
        card, plan = self._set.dataset.card, self._set.plan
        columns = (*plan.metrics, *plan.reference_values, *plan.improvements)
        signatures = [column.signature(card.sample_rate_hz) for column in columns]
        signatures += [plan.code_of(metric) for metric in plan.metrics]
        chunks = self._evaluation.chunks
        facts = (self._run_id, self._sources[part].identity, card.fingerprint, VERSION)
        key = digest(*facts, str([len(chunk) for chunk in chunks[:1]]), *signatures)[:12]
        title, sample = part
        return f"part-{card.name}-{title}-{key}{f'-sample{sample}' if sample else ''}"
