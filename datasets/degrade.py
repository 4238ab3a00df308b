"""Sets over sets: a plain set with one level of one degradation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature

from ..core.errors import ConfigError, DatasetError, listed
from .contents import parts_of
from .dataset import Dataset
from .facts import LevelCard
from .manifest import FileHash, Manifest, check_manifest, files_of, fingerprint
from .protocols.corpus import Corpora
from .protocols.degradation import DEGRADATIONS, Degradation, UnfitTrialError, make_degradation
from .seeding import digest
from .sweep_spec import Level, SweepSpec, level_text
from .types import Degraded, MixtureClip, Tag, Trial


def checked_sweeps(specs: Sequence[SweepSpec], *, where: str) -> tuple[SweepSpec, ...]:
    """The sweeps, after a check of their names, degradations, levels and options before any set is opened.

    Raises:
        ConfigError: two sweeps have one name, there is no such degradation or option, or a level is wrong or listed
            twice.
    """
    titles = [spec.title for spec in specs]
    for spec in specs:
        if titles.count(spec.title) > 1:
            raise ConfigError(f"{where}: two sweeps are called {spec.title!r}; give each its own `label`")
        texts = [level_text(level) for level in spec.levels]
        for level, text in zip(spec.levels, texts, strict=True):
            if texts.count(text) > 1:
                raise ConfigError(f"{where}: sweep {spec.title!r} lists level {text} twice; list it once")
            _degradation(spec, level, where=f"{where}: sweep {spec.title!r}")
    return tuple(specs)


def degraded(dataset: Dataset, spec: SweepSpec, level: Level, *, corpora: Corpora | None = None) -> Dataset:
    """The set of one level over a plain set: the same trials with the same ids, in a set with its own fingerprint.

    Draws depend on the fingerprint of the plain set and on the trial (or the mixture, where that is degraded), and not
    on the level: what is drawn is common to all levels. A trial without such a level is left out, and counted on the
    card.

    Args:
        dataset: the plain set.
        spec: the sweep.
        level: one level of it, or another.
        corpora: open corpora of `spec.corpora`.

    Raises:
        ConfigError: the degradation, the level or an option is wrong, or a corpus of the sweep has the name of another
            one of the set.
        DatasetError: no trial has such a level.
    """
    where = f"dataset {dataset.card.name!r}"
    for name, config in spec.corpora.items():
        if dataset.card.corpora.get(name, config) != config:
            raise ConfigError(
                f"{where} has another corpus {name!r} than sweep {spec.title!r}; rename that of the sweep"
            )
    degradation, settings = _degradation(spec, level, where=where)
    plain = Dataset(dataset.manifest, {**(corpora or {}), **dataset.corpora})
    trials, left_out = _trials(plain, degradation, spec.degradation, settings)
    if not trials:
        reasons = listed(f"{reason} ({count} trials)" for reason, count in left_out.items())
        problem = f"{where}: no trial has a level {level_text(level)} of sweep {spec.title!r}"
        raise DatasetError(f"{problem}: {reasons}; take it out of the sweep of this set")
    card = _level_card(plain, spec, level, degradation)
    return Dataset(_manifest(plain, spec, card, trials, left_out), plain.corpora)


def _degradation(spec: SweepSpec, level: Level, *, where: str) -> tuple[Degradation, dict[str, Tag]]:
    """The degradation of a level, and all its settings, defaults included: they count in the fingerprint.

    So that equal settings make equal fingerprints, a whole number has no point, and a default is written as it is in
    the code, or left out where it is None.
    """
    settings = {**spec.options, "level": int(level) if isinstance(level, float) and level.is_integer() else level}
    made = make_degradation(spec.degradation, settings, where=where)
    parameters = signature(DEGRADATIONS.get(spec.degradation)).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    chosen = {name: value for name, value in settings.items() if name not in defaults or value != defaults[name]}
    return made, {name: value for name, value in {**defaults, **chosen}.items() if value is not None}


def _trials(
    of: Dataset, degradation: Degradation, name: str, settings: Mapping[str, Tag]
) -> tuple[list[Trial], Counter[str]]:
    """The degraded trials, and the number of those left out by reason."""
    left_out: Counter[str] = Counter()
    trials: list[Trial] = []
    for trial in of.trials:
        drawn_for = trial.mixture_id if degradation.to == "mixture" else trial.id
        version = () if degradation.version == "1" else (degradation.version,)
        seed = int(digest("degraded", of.card.fingerprint, name, *version, drawn_for), 16) >> 193
        try:
            changed = degradation.clue(trial, of, seed)
            clips = degradation.clips(trial, of, seed)
        except UnfitTrialError as error:
            left_out[str(error)] += 1
            continue
        if degradation.renders:
            own = Degraded(name=name, settings=settings, seed=seed, clips=clips)
            changed = replace(changed, degraded=(*trial.degraded, own))
        trials.append(changed)
    return trials, left_out


def _level_card(of: Dataset, spec: SweepSpec, level: Level, degradation: Degradation) -> LevelCard:
    texts, text = [level_text(each) for each in spec.levels], level_text(level)
    return LevelCard(
        plain=of.card.name,
        fingerprint=of.card.fingerprint,
        sweep=spec.title,
        degradation=spec.degradation,
        level=text,
        value=None if isinstance(level, str) else float(level),
        place=texts.index(text) + 1 if text in texts else len(texts) + 1,
        title=degradation.title,
        unit=degradation.unit,
    )


def _manifest(
    of: Dataset, spec: SweepSpec, level: LevelCard, trials: Sequence[Trial], left_out: Mapping[str, int]
) -> Manifest:
    """The manifest of degraded trials, with its fingerprint."""
    needed = {t.mixture_id for t in trials}
    enrolled = {c.mixture_id for t in trials for c in t.clue.enrollments if isinstance(c, MixtureClip)}
    mixtures = [mixture for mixture in of.manifest.mixtures if mixture.id in needed | enrolled]
    known = {(file.corpus, file.path): file for file in of.manifest.files}
    used = sorted(files_of(mixtures, trials))
    configs = {**{corpus: config for corpus, config in spec.corpora.items() if corpus in of.corpora}, **of.card.corpora}
    configs = {corpus: config for corpus, config in configs.items() if corpus in of.corpora}
    counts = Counter({"mixtures": len(needed), "trials": len(trials), "files": len(used)})
    counts.update(Counter(sorted(f"trials_{t.condition.kind}_{t.condition}" for t in trials)))
    counts.update({f"excluded_{reason.replace(' ', '_')}": count for reason, count in left_out.items()})
    card = replace(
        of.card,
        name=f"{level.plain}.{level.sweep}.{level.level}",
        description=f"{level.plain} with {level.title} {level.level} {level.unit}".strip(),
        corpora=configs,
        corpus_versions={corpus: of.corpora[corpus].version for corpus in configs},
        licences={corpus: of.corpora[corpus].licence for corpus in configs},
        counts=dict(counts),
        parts=parts_of(used, configs, of.corpora),
        level=level,
    )
    files = [known.get(key) or _hashed(key, of.corpora) for key in used]
    manifest = Manifest(card=card, mixtures=mixtures, trials=trials, files=files)
    check_manifest(manifest, where=f"dataset {card.name!r}")
    return replace(manifest, card=replace(card, fingerprint=fingerprint(manifest)))


def _hashed(key: tuple[str, str], corpora: Corpora) -> FileHash:
    return FileHash(corpus=key[0], path=key[1], sha256=corpora[key[0]].digest(key[1]))
