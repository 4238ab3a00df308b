"""Scores in Python."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pandas as pd

from ...bench.folders.channels import Channel, Channels, Folder, channels_of
from ...bench.folders.claimed_numbers import ClaimedNumber, claims_of, nearest
from ...bench.folders.known_facts import FactFiles
from ...bench.folders.score import FolderScores, ScoreOptions, score_folders
from ...bench.folders.signals import ONLY, Signals, folder_of_signals, folders_of_outputs
from ...bench.folders.variants import score_variants, word_error_rate
from ...bench.given import MetricsLike, metrics_of, with_options
from ...bench.rows import read_rows
from ...bench.scoring.plan import MetricSpec
from ...core.errors import ConfigError, check_jobs, python_words
from ...core.progress import on_terminal
from ...datasets.signals.arrays import Signal
from ..terminal.variants import claim_lines, write_variants
from .results import Scores

__all__ = ["score"]

Times = Sequence[tuple[float, float]]
"""Stretches of speech (start, end) in s."""


def score(
    *,
    estimate: Signal | None = None,
    reference: Signal | None = None,
    mixture: Signal | None = None,
    transcript: str | None = None,
    enrollment: Signal | None = None,
    estimates: Signals | None = None,
    references: Signals | None = None,
    mixtures: Signals | None = None,
    transcripts: str | Path | Mapping[str, str] | None = None,
    enrollments: Signals | None = None,
    activity: str | Path | Mapping[str, Times] | None = None,
    recognised: str | Path | Mapping[str, str] | None = None,
    sample_rate_hz: int | None = None,
    metrics: MetricsLike | None = None,
    options: Mapping[str, Mapping[str, Any]] | Sequence[str] = (),
    channel: Channel | str | Mapping[str, Channel] = None,
    permutation: str | None = None,
    labelled: bool = False,
    variants: bool = False,
    claimed: str | Mapping[str, float] | None = None,
    system: str = "estimates",
    out: str | Path | None = None,
    device: str = "auto",
    jobs: int = 2,
) -> Scores:
    """Score one signal, several, or folders of audio files, as `tsebench score` does.

    Args:
        estimate: output of a system for one mixture: samples [T] or [C, T] with full scale ±1, or an audio file.
        reference: the target; without one, metrics that compare with it say `no_reference`, and the default metrics are
            those that `transcript`, `activity` and `enrollment` allow.
        mixture: input of the system; needed for improvements.
        transcript: words of the target, for `wer` and `ter`.
        enrollment: a recording of the target's voice, for `speaker_similarity`.
        estimates: several outputs: a folder, or signals by name, or a list of signals.
        references: the targets; folders are paired by name without suffix, lists by place.
        mixtures: inputs of the system.
        transcripts: CSV file with the columns `name` and `text`, or texts by name.
        enrollments: recordings of the targets' voices.
        activity: when targets speak, for `timing_f1`: a CSV file with the columns `name` and `activity`, an RTTM file,
            or pairs (start, end) in s by name; of one signal the name is "signal".
        recognised: words that were recognised in the estimates elsewhere: a CSV file as `transcripts`, or texts by
            name.
        sample_rate_hz: of all arrays; files have their own.
        metrics: "si_sdr,pesq", or a list of names and specs with options; by default sdr, si_sdr and snr, or their
            improvements where there are mixtures.
        options: settings by metric, {"wer": {"backend": "pocketsphinx"}} or ["wer.backend=pocketsphinx"].
        channel: channel (from 0) of signals with several, or "mean"; by role {"estimates": 1, "mixtures": "mean"}. None
            refuses them.
        permutation: for outputs of a separator, arrays [S, T] or one folder for each: "si_sdr" assigns them to the
            references by the best mean SI-SDR, "none" takes them in the order given.
        labelled: the folders hold sounds with labels, several for each mixture: MIXTURE_LABEL.wav.
        variants: also compute every variant of the metrics that papers give under one name.
        claimed: a paper's numbers, {"si_sdr": 15.2} or "si_sdr=15.2"; marks the nearest variant of each in `variants`.
        system: name of what is scored.
        out: run folder that keeps rows and record; scoring a second system into it puts both on one leaderboard.
        device: "auto", "cpu", "cuda" or "cuda:N".
        jobs: processes for metrics such as PESQ and STOI.

    Returns:
        `values` (means by metric), rows, leaderboard, variants and claims; a notebook shows the leaderboard.

    Raises:
        ConfigError: roles are missing or do not fit each other, no metric can be computed from them, or a metric or
            option is wrong.
        AudioError: a reference or mixture cannot be read.
        OutputError: the run folder holds scores against other references, or cannot be written.
    """
    check_jobs(jobs)
    specs = with_options(metrics_of(metrics), options)
    with python_words():
        channels = _channels(channel)
    one = {
        "estimate": estimate,
        "reference": reference,
        "mixture": mixture,
        "transcript": transcript,
        "enrollment": enrollment,
    }
    many = {
        "estimates": estimates,
        "references": references,
        "mixtures": mixtures,
        "transcripts": transcripts,
        "enrollments": enrollments,
    }
    roles = _roles(one, many)
    if "references" not in roles and (labelled or variants or claimed is not None or permutation is not None):
        raise ConfigError("labelled, variants, claimed and permutation compare with references; add references=")
    with python_words():
        claims = _claims(claimed, roles)
    if labelled and (variants or claims):
        raise ConfigError("labelled has no variants to compare; leave out variants and claimed")
    notes: list[str] = []
    with TemporaryDirectory(prefix="tsebench-") as place:
        temporary = Path(place)
        given = _Given(roles, temporary, sample_rate_hz, channels)
        folder = temporary / "scores" if out is None else Path(out).expanduser()
        how = ScoreOptions(
            out=folder,
            metrics=specs,
            facts=FactFiles(
                transcripts=_table(roles.get("transcripts"), temporary / "transcripts.csv", "transcripts"),
                enrollments=given.folder("enrollments") if "enrollments" in roles else None,
                activity=_table(_spans(activity), temporary / "activity.csv", "activity", column="activity"),
                recognised=_table(recognised, temporary / "recognised.csv", "recognised"),
            ),
            system=system,
            channel=channels,
            permutation=permutation,
            labelled=labelled,
            device=device,
            jobs=jobs,
            keep_rows=bool(variants or claims),
            progress=on_terminal(),
            say=notes.append,
        )
        with python_words(str(temporary)):
            done = score_folders(
                estimates=given.folders("estimates", outputs=permutation is not None),
                references=given.folders("references", outputs=permutation is not None)
                if "references" in roles
                else [],
                mixtures=given.folder("mixtures") if "mixtures" in roles else None,
                options=how,
            )
            table, lines = _variants(done, specs, claims, how) if variants or claims else (None, ())
        return Scores(
            record=done.record,
            rows=read_rows(folder),
            trials=done.trials,
            failed_trials=done.failed_trials,
            out=None if out is None else folder,
            system=system,
            unpaired=done.unpaired,
            variants=table,
            claims=lines,
            notes=tuple(notes),
        )


@dataclass(frozen=True, slots=True)
class _Given:
    """Signals of each role, as folders; those in memory are written below `temporary`."""

    roles: Mapping[str, Any]
    temporary: Path
    sample_rate_hz: int | None
    channels: Channels

    def folder(self, role: Folder) -> Path:
        mono = self.channels.of(role) is None
        return folder_of_signals(self.roles[role], self.temporary / role, role, self.sample_rate_hz, mono=mono)

    def folders(self, role: Folder, *, outputs: bool) -> Path | list[Path]:
        """One folder, or, of the outputs of a separator, one for each or with a sub-folder for each."""
        if not outputs:
            return self.folder(role)
        return folders_of_outputs(self.roles[role], self.temporary / role, role, self.sample_rate_hz)


def _roles(one: Mapping[str, Any], many: Mapping[str, Any]) -> dict[str, Any]:
    """Signals by role; a single one is a mapping of one name."""
    given: dict[str, Any] = {}
    for (role, single), (roles, several) in zip(one.items(), many.items(), strict=True):
        if single is not None and several is not None:
            raise ConfigError(f"both {role}= and {roles}= are given; give one of them")
        if single is not None:
            if _is(single, "is_dir"):
                raise ConfigError(f"{role} = {str(single)!r} is a folder; give {roles}={str(single)!r}")
            given[roles] = {ONLY: single}
        elif several is not None:
            if roles != "transcripts" and _is(several, "is_file"):
                raise ConfigError(f"{roles} = {str(several)!r} is a file; give {role}={str(several)!r}")
            given[roles] = several
    if "estimates" not in given:
        raise ConfigError(
            "estimate= is missing; write score(estimate=array, reference=array, sample_rate_hz=16000), or "
            "score(estimates=DIR, references=DIR)"
        )
    return given


def _is(value: object, kind: Literal["is_dir", "is_file"]) -> bool:
    """Whether something is the path of an existing folder or file."""
    return isinstance(value, str | Path) and bool(getattr(Path(value).expanduser(), kind)())


def _table(texts: object, path: Path, what: str, *, column: str = "text") -> Path | None:
    """The CSV file of texts; texts by name are written to `path`."""
    if texts is None:
        return None
    if isinstance(texts, str | Path):
        return Path(texts).expanduser()
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise ConfigError(f"{what} is neither a CSV file nor a mapping from names to texts")
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["name", column])
        table.writerows(texts.items())
    return path


def _spans(activity: str | Path | Mapping[str, Times] | None) -> str | Path | dict[str, str] | None:
    """Times by name as the texts of a table: "0.5-1.2; 2-3"."""
    if not isinstance(activity, Mapping):
        return activity
    try:
        return {
            name: "; ".join(f"{float(start)!r}-{float(end)!r}" for start, end in spans)
            for name, spans in activity.items()
        }
    except (TypeError, ValueError):
        raise ConfigError("activity by name is a list of pairs (start, end) in s for each") from None


def _channels(channel: Channel | str | Mapping[str, Channel]) -> Channels:
    if isinstance(channel, Mapping):
        channel = ",".join(f"{role}={each}" for role, each in channel.items())
    return channels_of(channel)


def _claims(claimed: str | Mapping[str, float] | None, roles: Mapping[str, Any]) -> tuple[ClaimedNumber, ...]:
    if claimed is None:
        return ()
    text = claimed if isinstance(claimed, str) else ",".join(f"{name}={value}" for name, value in claimed.items())
    return claims_of(text, mixtures="mixtures" in roles, transcripts="transcripts" in roles)


def _variants(
    done: FolderScores, specs: Sequence[MetricSpec], claims: Sequence[ClaimedNumber], how: ScoreOptions
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Table of all variants, which is written to the run folder, too, and a line on each claim."""
    wer = word_error_rate(specs, done.device) if how.facts.transcripts else None
    scores = score_variants(
        done.files,
        system=how.system,
        device=done.device,
        wer=wer,
        known=done.rows,
        known_of_mixture=done.mixture_rows,
        jobs=how.jobs,
        progress=how.progress,
    )
    matches = [nearest(scores, claim) for claim in claims]
    table = pd.read_csv(write_variants(scores, matches, how.out))
    return table[table["system"] == how.system].reset_index(drop=True), claim_lines(matches)
