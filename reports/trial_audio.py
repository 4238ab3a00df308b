"""Audio of trials for players: rendered from the datasets of a run, and its stored estimates.

Every other report reads rows alone. A set is only used if its fingerprint is the one that the run was scored on; audio
that is not available has a reason instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..bench.run.estimate_files import FOLDER, estimate_path, estimates_folder
from ..bench.run.record import RunRecord, read_record
from ..core.errors import TsebenchError
from .trial_signals import Estimate, TrialRecipe, TrialSignals

if TYPE_CHECKING:
    from .run_sets import RunSet


class RunAudio:
    """Audio of one run; datasets are opened when they are first used."""

    def __init__(self, folder: Path, *, corpus_dirs: Mapping[str, Path] | None = None) -> None:
        self._folder = folder
        self._corpus_dirs = corpus_dirs
        self._sets: dict[str, RunSet | str] = {}
        self._record: RunRecord | None = None
        self._no_record = ""
        try:
            self._record = read_record(folder)
        except TsebenchError as error:
            self._no_record = str(error)

    @property
    def run_id(self) -> str:
        """The run's id, "" if it is not known."""
        return self._record.run_id if self._record else ""

    @property
    def keeps_estimates(self) -> bool:
        """True if the run has any estimate on disk."""
        return any((self._folder / FOLDER).glob("*/*/*.wav"))

    def recipe(self, dataset: str, trial_id: str) -> TrialRecipe | None:
        """Recipe of a trial, or None where the dataset is not available."""
        opened = self._set(dataset)
        return None if isinstance(opened, str) else opened.recipe(trial_id)

    def signals(self, dataset: str, trial_id: str) -> tuple[TrialSignals | None, str]:
        """Mixture, target and enrollments of a trial; None and the reason if they cannot be had."""
        opened = self._set(dataset)
        return (None, opened) if isinstance(opened, str) else opened.signals(dataset, trial_id)

    def estimate(self, dataset: str, title: str, trial_id: str) -> Estimate:
        """Stored estimate of a system (by its title in the run); trials that are not of the set are not looked for."""
        record = self._record
        if record is None or title not in record.systems or dataset not in record.datasets:
            return Estimate(samples=None, reason="the run does not say which system it was")
        opened = self._set(dataset)
        known = None if isinstance(opened, str) else opened
        if known and trial_id not in known.places:
            return Estimate(samples=None, reason=f"dataset {dataset!r} has no such trial")
        if Path(trial_id).name != trial_id:
            return Estimate(samples=None, reason="its id is not a file name")
        folder = estimates_folder(
            self._folder / FOLDER,
            dataset=dataset,
            title=title,
            identity=record.systems[title].identity,
            fingerprint=record.datasets[dataset].fingerprint,
        )
        path = estimate_path(folder, trial_id)
        if not path.is_file():
            reason = "no estimate: the system failed here" if folder.is_dir() else "no estimate was kept"
            return Estimate(samples=None, reason=reason)
        from .run_sets import read_estimate  # noqa: PLC0415 - what opens audio is slow to import

        recipe = known.recipe(trial_id) if known else None
        return read_estimate(path, recipe.mixture if recipe else None)

    def _set(self, name: str) -> RunSet | str:
        """The dataset of the run, or why it is not at hand."""
        if name not in self._sets:
            try:
                self._sets[name] = self._opened(name)
            except TsebenchError as error:
                self._sets[name] = str(error)
        return self._sets[name]

    def _opened(self, name: str) -> RunSet | str:
        if self._record is None:
            return self._no_record or "the run folder has no run.json"
        config = self._record.config
        if name not in self._record.datasets or config is None:
            return "the trials were scored from folders, which the run does not hold"
        from .run_sets import open_set  # noqa: PLC0415 - what opens audio is slow to import

        # One that the run built, or one that its config names.
        folders = (self._folder / "datasets" / name, *(Path(spec["dataset"]) for spec in config.datasets))
        return open_set(name, self._record.datasets[name].fingerprint, folders, corpus_dirs=self._corpus_dirs)


def open_audio(folders: Sequence[Path], *, corpus_dirs: Mapping[str, Path] | None = None) -> dict[str, RunAudio]:
    """Audio of several runs by run id, the first of each; a folder without `run.json` has none."""
    runs = [RunAudio(folder, corpus_dirs=corpus_dirs) for folder in reversed(folders)]
    return {audio.run_id: audio for audio in runs if audio.run_id}
