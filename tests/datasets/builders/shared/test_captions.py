"""Captions of queries by class: wording, nesting, tables, and what they must not give away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.builds import make_set

from tsebench.core.errors import ConfigError, CorpusError, DatasetError, TsebenchError
from tsebench.core.validation import parse
from tsebench.datasets.build import build
from tsebench.datasets.builders.shared.captions import CaptionOptions
from tsebench.datasets.builders.shared.class_trials import ClassTrials
from tsebench.datasets.builders.shared.sound_scenes import SoundMixture
from tsebench.datasets.config import load_dataset_configs, open_builder
from tsebench.datasets.corpora.caption_table import CaptionTable
from tsebench.datasets.corpora.synthetic_sounds import SyntheticSounds
from tsebench.datasets.dataset import load_dataset
from tsebench.datasets.protocols.builder import BuildContext
from tsebench.datasets.seeding import generator
from tsebench.datasets.types import Clip, Mixture, Source, Trial

LABELS = ["bell", "bird_chirp", "crow", "dog_bark", "flute", "rain"]
PHRASES = {label: [f"{label} {n}" for n in range(4)] for label in LABELS}
WORDING: dict[str, Any] = {"templates": ["{sounds}", "hear {sounds} now"], "phrases": PHRASES}


def context(table: Path | None = None) -> BuildContext:
    corpora: dict[str, Any] = {"sounds": SyntheticSounds()}
    if table is not None:
        corpora["mine"] = CaptionTable(name="mine", root=table)
    return BuildContext(name="set", version="1", seed=1, split="test", corpora=corpora)


def trials(captions: dict[str, Any] | None, *, table: Path | None = None, **changed: Any) -> ClassTrials:
    """Draws queries of mixtures of three classes."""
    given = parse(CaptionOptions, captions, where="captions") if captions is not None else None
    options: dict[str, Any] = {
        "vocabulary": LABELS,
        "conditions": ["1:0", "1:1", "1:3", "0:1"],
        "most_active": 3,
        "targets": "one",
        "clues": ["classes", "text"],
        "enroll": None,
        "captions": given,
        **changed,
    }
    return ClassTrials(context=context(table), **options)


def drawn(of: ClassTrials, count: int = 8) -> Iterator[tuple[Mixture, Trial]]:
    for index in range(count):
        labels = generator("labels", index).choice(LABELS, size=3, replace=False)
        clip = Clip(corpus="sounds", path="x", start=0, frames=100)
        sources = tuple(
            Source(id=f"s{n}", label=str(label), role="foreground", clip=clip, gain=1.0)
            for n, label in enumerate(labels)
        )
        mixture = Mixture(id=f"m{index}", sample_rate_hz=8000, num_samples=100, sources=sources)
        item = of.draw(SoundMixture(mixture=mixture, audible=frozenset(source.id for source in sources)))
        yield from ((item.mixture, trial) for trial in item.trials)


def test_a_caption_lists_what_the_query_names_in_its_order() -> None:
    for _, trial in drawn(trials(None)):
        *first, last = [label.replace("_", " ") for label in trial.clue.classes]
        listed = f"{', '.join(first)} and {last}" if first else last
        assert trial.clue.text == f"the sound of {listed}"
        assert trial.clue.negative_text is None


def test_phrases_and_template_of_a_mixture_are_the_same_in_all_its_queries() -> None:
    phrases: dict[tuple[str, str], set[str]] = {}
    templates: dict[str, set[bool]] = {}
    for mixture, trial in drawn(trials(WORDING), 30):
        text = str(trial.clue.text)
        templates.setdefault(mixture.id, set()).add(text.startswith("hear "))
        for label in trial.clue.classes:
            (found,) = [phrase for phrase in PHRASES[label] if phrase in text]
            phrases.setdefault((mixture.id, label), set()).add(found)
    assert {len(found) for found in phrases.values()} == {1}
    assert {len(found) for found in templates.values()} == {1}
    used = Counter(phrase[-1] for found in phrases.values() for phrase in found)
    assert min(used[n] for n in "0123") > 0.15 * used.total()
    assert 0.25 < sum(True in found for found in templates.values()) / len(templates) < 0.75


def test_clues_and_mixtures_are_those_of_the_set_without_captions() -> None:
    plain = list(drawn(trials(None, clues=["classes"])))
    with_text = list(drawn(trials({**WORDING, "unwanted": 1})))
    for (mixture, trial), (same, captioned) in zip(plain, with_text, strict=True):
        assert mixture == same
        assert (trial.id, trial.clue.classes, trial.target_ids) == (
            captioned.id,
            captioned.clue.classes,
            captioned.target_ids,
        )


def test_negative_texts_nest_and_name_what_is_there_and_not_wanted() -> None:
    one, two = (trials({"unwanted": n}) for n in (1, 2))
    counts: Counter[int] = Counter()
    for (mixture, trial), (_, same) in zip(drawn(one), drawn(two), strict=True):
        present = {source.label for source in mixture.sources}
        first = str(trial.clue.negative_text).replace(" ", "_")
        both = {each.replace(" ", "_") for each in str(same.clue.negative_text).split(" and ")}
        assert first in both
        assert both <= present - set(trial.clue.classes)
        counts[len(both)] += 1
    assert set(counts) == {2}  # also in FUQ, so that their number does not tell whether the target is there


def test_a_caption_does_not_tell_active_from_inactive_classes() -> None:
    """Guessing from the number of the phrase is no better than the majority of a fair draw."""
    seen: dict[str, Counter[bool]] = {}
    for mixture, trial in drawn(trials(WORDING, conditions=["1:1"]), 60):
        active = {source.label for source in mixture.sources if source.id in trial.target_ids}
        for label in trial.clue.classes:
            (phrase,) = [phrase for phrase in PHRASES[label] if phrase in str(trial.clue.text)]
            seen.setdefault(phrase[-1], Counter())[label in active] += 1
    guessed = sum(max(counts.values()) for counts in seen.values())
    assert (
        guessed / sum(counts.total() for counts in seen.values()) < 0.65
    )  # 0.5 ± 2.5 standard errors, of the best of 16


def test_a_query_for_everything_has_no_text() -> None:
    assert all(trial.clue.text is None for _, trial in drawn(trials(None, conditions=["0:0"])))


def write(folder: Path, *lines: str) -> Path:
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_table_by_class(tmp_path: Path) -> None:
    rows = [f"{label},{label} {n}" for label in LABELS for n in range(2)]
    table = write(tmp_path, "label,caption", *rows)
    texts = [str(trial.clue.text) for _, trial in drawn(trials({"table": "mine"}, table=table, conditions=["1:0"]), 20)]
    assert set(texts) <= {row.partition(",")[2] for row in rows}
    assert {text[-1] for text in texts} == {"0", "1"}


def test_a_table_by_trial(tmp_path: Path) -> None:
    ids = [trial.id for _, trial in drawn(trials(None))]
    rows = [f'{trial},"wanted in {trial}, please",{"not this" if n % 2 else ""}' for n, trial in enumerate(ids)]
    table = write(tmp_path, "trial,caption,negative", *rows)
    found = [trial for _, trial in drawn(trials({"table": "mine"}, table=table))]
    assert [trial.clue.text for trial in found] == [f"wanted in {trial}, please" for trial in ids]
    assert [trial.clue.negative_text for trial in found] == ["not this" if n % 2 else None for n in range(len(ids))]
    write(tmp_path, "trial,caption", *[f"{trial},x" for trial in ids[1:]])
    with pytest.raises(DatasetError, match=f"has no row for trial '{ids[0]}'"):
        list(drawn(trials({"table": "mine"}, table=table)))


TABLE = ["label,caption", *[f"{label},some {label}" for label in LABELS]]


@pytest.mark.parametrize(
    ("captions", "lines", "error", "message"),
    [
        ({"phrases": {"dog": ["x"]}}, TABLE, ConfigError, "no class 'dog' in this set; did you mean"),
        ({"templates": ["sounds"]}, TABLE, ConfigError, "holds {sounds} once"),
        ({"phrases": {"bell": [" "]}}, TABLE, ConfigError, "a phrase is one line of words"),
        ({"phrases": PHRASES, "table": "mine"}, TABLE, ConfigError, "phrases or a table, and not both"),
        ({"table": "sounds"}, TABLE, ConfigError, "corpus 'sounds' must be of kind caption_table"),
        ({"table": "mine"}, TABLE[:-1], ConfigError, "no caption of 1 of 6 classes, such as 'rain'"),
        ({"table": "mine"}, ["label,text", "bell,x"], CorpusError, "has no column 'caption'"),
        ({"table": "mine"}, ["trial,caption", "a,x", "a,y"], CorpusError, "trial 'a' is given twice"),
        ({"table": "mine", "unwanted": 1}, ["trial,caption", "a,x"], ConfigError, "leave templates and unwanted out"),
        ({"table": "mine"}, ["label,caption", f"bell,{'x' * 1001}"], CorpusError, "has 1001 characters"),
        ({"unwanted": 3}, TABLE, DatasetError, "has 2 sounds besides what a query wants"),
    ],
)
def test_what_cannot_be_written_is_refused(
    captions: dict[str, Any], lines: list[str], error: type[TsebenchError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message) as caught:
        list(drawn(trials(captions, table=write(tmp_path, *lines))))
    assert len(str(caught.value)) < 500


def test_captions_without_the_text_clue_are_refused() -> None:
    with pytest.raises(ConfigError, match="add text to clues"):
        trials({"unwanted": 1}, clues=["classes"])


def test_texts_come_back_from_the_folder_and_count_in_the_fingerprint(tmp_path: Path) -> None:
    config, folders = make_set("sound_mix", tmp_path)
    made = []
    for clues, captions in (("classes", None), ("classes", {}), ("text", {}), ("text", {"unwanted": 1})):
        given = {"clues": [clues], "captions": captions} if clues == "text" else {"clues": [clues]}
        changed = config.model_copy(update={"params": {**config.params, "count": 2, "n_classes": [2, 2], **given}})
        folder = tmp_path / f"set{len(made)}"
        made.append(build(changed, folder, corpus_dirs=folders).card.fingerprint)
    again = load_dataset(folder, corpus_dirs=folders)
    assert again.card.fingerprint == made[3]
    assert made[0] == made[1]
    assert len(set(made)) == 3
    for trial, (query, _) in zip(again.trials, again, strict=True):
        assert query.clues.text == trial.clue.text
        assert query.clues.negative_text == trial.clue.negative_text
        assert query.clues.kinds() == {"text"}
        assert trial.clue.negative_text
    lines = [(tmp_path / f"set{n}" / "trials.jsonl").read_text() for n in (0, 2, 3)]
    assert ["negative_text" in text for text in lines] == [False, False, True]


@pytest.mark.parametrize("name", ["mini_sounds_text", "mini_sounds_paraphrased"])
def test_the_shipped_sets_have_the_mixtures_and_queries_of_mini_sounds(name: str) -> None:
    plain, captioned = (open_builder(load_dataset_configs(of)[0], {}).builder for of in ("mini_sounds", name))
    for index in (39,):
        first, second = plain.draw(index), captioned.draw(index)
        assert first.mixture == second.mixture
        assert [t.clue.classes for t in first.trials] == [t.clue.classes for t in second.trials]
        assert all(trial.clue.text and trial.clue.negative_text for trial in second.trials)
