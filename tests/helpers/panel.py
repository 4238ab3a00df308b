"""Simulated listeners of a listening test, whose truth is known."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tsebench.reports.listening.listening_key import ListeningKey


def answers(
    key: ListeningKey,
    folder: Path,
    truth: Mapping[str, float],
    *,
    listeners: int = 10,
    seed: int = 0,
    careless: tuple[int, ...] = (),
) -> list[Path]:
    """Files of answers: truth, plus the habit of a listener (sd 4), the trial (sd 4) and noise (sd 3).

    Hidden reference and anchor have no habits; careless listeners rate at random.
    """
    rng = np.random.default_rng(seed)
    habits, trials = 4.0 * rng.standard_normal(listeners), {page: 4.0 * rng.standard_normal() for page in key.pages}
    files = []
    for number in range(listeners):
        path = folder / f"answers-{number + 1}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["listener", "page", "stimulus", "rating", "position", "seconds"])
            for page, facts in key.pages.items():
                for stimulus, condition in facts.stimuli.items():
                    value = truth[condition]
                    if key.conditions[condition] in {"system", "mixture"}:
                        value += habits[number] + trials[page] + 3.0 * rng.standard_normal()
                    if number in careless:
                        value = 100.0 * rng.random()
                    writer.writerow([number + 1, page, stimulus, round(float(np.clip(value, 0, 100)), 1), 1, 5.0])
        files.append(path)
    return files


def as_web_mushra(files: Sequence[Path], key: ListeningKey, out: Path) -> Path:
    """The same answers as webMUSHRA's service writes them: one table, with its own name for the hidden reference."""
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        names = ("trial_id", "rating_stimulus", "rating_score", "rating_time", "rating_comment")
        writer.writerow(["session_test_id", "listener", "session_uuid", *names])
        for number, path in enumerate(files):
            with path.open(newline="") as own:
                for row in csv.DictReader(own):
                    kind = key.conditions[key.pages[row["page"]].stimuli[row["stimulus"]]]
                    stimulus = "reference" if kind == "reference" else row["stimulus"]
                    facts = [row["page"], stimulus, row["rating"], 9000 + number, ""]
                    writer.writerow(["tsebench_0", row["listener"], f"uuid-{number}", *facts])
    return out
