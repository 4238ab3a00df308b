"""Export of a listening test: a page that needs no server, and the key that stays with the experimenter."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from ...bench.rows import read_rows
from ...bench.run.record import RunRecord, read_record
from ...core.errors import ConfigError, listed
from ...core.files import check_empty, make_folder
from ...datasets.seeding import generator
from ..site.pages import render_page, write_page
from ..trial_audio import RunAudio
from ..trial_signals import Samples
from .designs import ANCHOR, REFERENCE, Design, Kind, design_named
from .listening_key import ListeningKey, ListeningPage, write_key
from .orders import orders
from .stimuli import MIXTURE, as_text, trial_stimuli
from .web_mushra import write_web_mushra

PAGE = "listening.html"
_MOST_BYTES = 300_000_000
_MOST_LISTENERS = 1000
_ANCHORED_HZ = 12_000
_CHECKS = 4  # one page in so many of a comparison checks the listener


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        trials: number of trials; each is of another mixture as far as there are enough.
        systems: titles; none: all that compete.
        listeners: number of balanced orders.
        web_mushra: also write configurations and audio of webMUSHRA; MUSHRA alone.
    """

    design: str = "mushra"
    trials: int = 8
    systems: tuple[str, ...] = ()
    listeners: int = 20
    seed: int = 0
    web_mushra: bool = False
    corpora: Mapping[str, Path] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTest:
    """Files of a test, and its key; `web_mushra` are configurations of webMUSHRA, one for each listener."""

    page: Path
    key_file: Path
    key: ListeningKey
    web_mushra: tuple[Path, ...] = ()


def export_test(run: Path, out: Path, options: ExportOptions) -> ExportedTest:
    """Write the page of a listening test on the estimates of a run, and its key.

    Raises:
        ConfigError: the run keeps no estimates, its sets are not at hand, or too little is left to be heard.
        OutputError: the folder is not empty, or cannot be written.
    """
    design = design_named(options.design)
    if not 1 <= options.listeners <= _MOST_LISTENERS:
        raise ConfigError(f"--listeners {options.listeners}: write 1 to {_MOST_LISTENERS}")
    if options.web_mushra and design.name != "mushra":
        raise ConfigError(f"--webmushra is for --design mushra alone, not {design.name!r}; leave it out")
    check_empty(out)
    record = read_record(run)
    audio = RunAudio(run, corpus_dirs=options.corpora)
    if record is None or not audio.keeps_estimates:
        raise ConfigError(f"run {str(run)!r} keeps no estimates; run it with --set keep_estimates=true")
    systems = _systems(record, options.systems)
    rows = read_rows(run)
    chosen = choose_trials(rows, systems, count=options.trials, seed=options.seed)
    heard = [(d, t, *trial_stimuli(audio, d, t, _on(record, d, systems))) for d, t in chosen]
    if design.name == "mushra" and (lacking := [t for _, t, sounds, _ in heard if REFERENCE not in sounds]):
        raise ConfigError(f"MUSHRA needs references, and trial {lacking[0]!r} has none; use --design p808 or ab")
    pages, sounds = _pages(design, heard)
    # All that the page shows follows from ids, which are random: whoever knows the seed learns nothing.
    named = [(name, sorted(pages[name].stimuli)) for name in sorted(pages)]
    drawn = orders(named, listeners=options.listeners, seed=options.seed)
    key = ListeningKey(
        design=design.name,
        run_id=record.run_id,
        seed=options.seed,
        listeners=options.listeners,
        conditions=_kinds(systems, heard),
        pages=pages,
        screens_by_anchor=min(rate for *_, rate in heard) >= _ANCHORED_HZ,
        remarks=tuple(_remarks(heard)),
    )
    references = _open_references(pages, sounds, key) if design.name != "p808" else {}
    data = {
        "design": design.name,
        "orders": [[asdict(each) for each in order] for order in drawn],
        "references": references,
        "sounds": dict(sorted(sounds.items())),
    }
    if (size := sum(map(len, sounds.values()))) > _MOST_BYTES:
        raise ConfigError(f"the page would have {size / 1e6:.0f} MB; take fewer --trials")
    make_folder(out)
    html = render_page("listening.html.j2", scripts=("theme.js", "listening.js"), design=design, data=data)
    found = ExportedTest(page=write_page(out, PAGE, html), key_file=write_key(out, key), key=key)
    if not options.web_mushra:
        return found
    configs = write_web_mushra(out, key, orders=drawn, sounds=sounds, references=references)
    return replace(found, web_mushra=tuple(configs))


def choose_trials(rows: pd.DataFrame, systems: Sequence[str], *, count: int, seed: int) -> list[tuple[str, str]]:
    """Sets and trials to be heard: all systems of a set have answered, and the target is there.

    They are drawn set by set in turn, and mixture by mixture.

    Raises:
        ConfigError: there are fewer.
    """
    own = rows[rows["system"].isin(systems) & (rows["n_active"] > 0)]
    queues = []
    for dataset, every in own.groupby("dataset"):
        part = every[~every["trial_id"].isin(every.loc[every["status"] == "failed", "trial_id"])]
        wanted = every["system"].nunique()
        answered = part.groupby("trial_id")["system"].nunique()
        facts = part.drop_duplicates("trial_id").set_index("trial_id")
        names = sorted(str(name) for name, n in answered.items() if n == wanted)
        mixed = [names[i] for i in generator("trials", seed, str(dataset)).permutation(len(names))]
        turn = facts.loc[mixed].groupby("mixture_id").cumcount() if mixed else pd.Series(dtype=int)
        queues.append([(str(dataset), name) for name in sorted(mixed, key=lambda each: int(turn[each]))])
    found = [queue[i] for i in range(max(map(len, queues), default=0)) for queue in queues if i < len(queue)]
    if len(found) < count or count < 1:
        raise ConfigError(f"--trials {count}: {len(found)} trials can be heard, which every system has answered")
    return found[:count]


def _systems(record: RunRecord, wanted: Sequence[str]) -> list[str]:
    every = [title for title, facts in record.systems.items() if facts.competes]
    if unknown := [title for title in wanted if title not in record.systems]:
        raise ConfigError(f"--system {unknown[0]!r} is not in the run (it has {listed(record.systems)})")
    found = [title for title in (wanted or every) if title != MIXTURE]
    if not found:
        raise ConfigError("the run has no system that competes; name what is to be heard with --system")
    return found


def _on(record: RunRecord, dataset: str, systems: Sequence[str]) -> list[str]:
    """The systems that ran on a set."""
    return [title for title in systems if title in record.datasets[dataset].systems]


Heard = Sequence[tuple[str, str, Mapping[str, Samples], int]]
"""Set, trial, samples by condition, and rate in Hz."""


def _kinds(systems: Sequence[str], heard: Heard) -> dict[str, Kind]:
    kinds: dict[str, Kind] = dict.fromkeys(systems, "system")
    kinds[MIXTURE] = "mixture"
    if any(REFERENCE in sounds for _, _, sounds, _ in heard):
        kinds |= {REFERENCE: "reference", ANCHOR: "anchor"}
    return kinds


def _pages(design: Design, heard: Heard) -> tuple[dict[str, ListeningPage], dict[str, str]]:
    """Pages by id, and sounds in base64 by the ids of stimuli; ids are random and tell nothing."""
    pages: dict[str, ListeningPage] = {}
    sounds: dict[str, str] = {}
    for number, (dataset, trial, samples, rate_hz) in enumerate(heard):
        texts = {name: as_text(each, rate_hz) for name, each in samples.items()}
        for names, check in _shown(design, [*samples], number):
            ids = {_fresh_id(): name for name in names}
            pages[_fresh_id()] = ListeningPage(dataset=dataset, trial_id=trial, stimuli=ids, check=check)
            sounds |= {each: texts[name] for each, name in ids.items()}
    return pages, sounds


def _shown(design: Design, names: list[str], number: int) -> Iterator[tuple[list[str], bool]]:
    """The conditions of each page of a trial, and whether the page is a check."""
    if design.name == "mushra":
        yield names, False
    elif design.name == "p808":
        yield from (([name], False) for name in names)
    else:
        heard = [name for name in names if name not in {REFERENCE, ANCHOR}]
        yield from ((list(pair), False) for pair in combinations(heard, 2))
        if REFERENCE in names and number % _CHECKS == 0:
            yield [REFERENCE, MIXTURE], True


def _fresh_id() -> str:
    return secrets.token_hex(6)


def _open_references(pages: Mapping[str, ListeningPage], sounds: dict[str, str], key: ListeningKey) -> dict[str, str]:
    """Sound of the open reference by page, under an id of its own: not that of the hidden one."""
    by_trial = {
        (page.dataset, page.trial_id): sounds[stimulus]
        for page in pages.values()
        for stimulus, name in page.stimuli.items()
        if key.conditions[name] == "reference"
    }
    opened: dict[str, str] = {}
    for name, page in pages.items():
        text = by_trial.get((page.dataset, page.trial_id))
        if text is not None:
            opened[name] = _fresh_id()
            sounds[opened[name]] = text
    return opened


def _remarks(heard: Heard) -> Iterator[str]:
    yield "every stimulus has the level (RMS) of the reference, or of the mixture where there is none"
    rates = {rate for _, _, _, rate in heard}
    if low := sorted(rate for rate in rates if rate < _ANCHORED_HZ):
        yield (
            f"at {low[0]} Hz the anchor of 3.5 kHz hardly differs from the reference: listeners are not screened by it"
        )
    if any(np.array_equal(s[MIXTURE], s.get(REFERENCE, ())) for _, _, s, _ in heard):
        yield "some mixtures are their own reference"
