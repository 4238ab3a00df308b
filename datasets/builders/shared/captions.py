"""Captions of the classes that a query names: templates over phrases, or a user's table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from ....core.errors import ConfigError, DatasetError, suggest
from ....core.validation import StrictModel
from ...corpora.caption_table import KIND, CaptionTable, TrialCaption
from ...protocols.builder import BuildContext
from ...queries import Key
from ...seeding import generator

_SOUNDS = "{sounds}"


def _template(text: str) -> str:
    if text.count(_SOUNDS) != 1 or not text.isprintable():
        raise ValueError(f"a template is one line that holds {_SOUNDS} once, and {text!r} is none")
    return text


def _phrase(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"a phrase is one line of words, and {text!r} is none")
    return text


Template = Annotated[str, Field(max_length=200), AfterValidator(_template)]
Phrase = Annotated[str, Field(max_length=200), AfterValidator(_phrase)]


class CaptionOptions(StrictModel):
    """Wording of the captions, and what they say that is not wanted.

    Attributes:
        templates: sentences in which `{sounds}` stands for the named classes; one for each mixture, drawn by its id,
            whatever the query is. null: "the sound of {sounds}", or with a table "{sounds}" alone.
        phrases: words for a class by its label, such as `dog_bark: [a dog barking, barking of a dog]`; one for each
            class and mixture, drawn by the mixture's id. A class that is not listed is called by its label, in small
            letters and with spaces for underscores.
        table: name of a corpus of kind caption_table in `corpora`, instead of `phrases`: captions of each class, or the
            whole text of each trial. null: none.
        unwanted: number of sounds of the mixture that the query does not want and that a negative text lists, in
            addition to the caption and without a template. All queries of a mixture have the same, except that what a
            query names is left out, and n of them are the first n of more. 0: no negative text.
    """

    templates: Annotated[tuple[Template, ...], Field(min_length=1)] | None = None
    phrases: Mapping[str, Annotated[tuple[Phrase, ...], Field(min_length=1)]] = Field(default_factory=dict)
    table: str | None = None
    unwanted: Annotated[int, Field(ge=0)] = 0


class Captions:
    """Writes the texts of queries; `labels` are the classes that a query can name.

    Raises:
        ConfigError: phrases are for an unknown class, or there is a table, too.
        CorpusError: the table is missing, or has no caption of a class.
    """

    def __init__(self, context: BuildContext, options: CaptionOptions, labels: Collection[str]) -> None:
        self._context, self._options = context, options
        for label in sorted(set(options.phrases) - set(labels)):
            raise ConfigError(f"captions.phrases: no class {label!r} in this set{suggest(label, labels)}")
        self._phrases: Mapping[str, Sequence[str]] = options.phrases
        self._texts: Mapping[str, TrialCaption] | None = None
        self._templates = options.templates or ("the sound of {sounds}",)
        if options.table is not None:
            self._read(context.corpus_of(CaptionTable, KIND, options.table), labels)

    def _read(self, table: CaptionTable, labels: Collection[str]) -> None:
        options = self._options
        if options.phrases:
            raise ConfigError("captions: give phrases or a table, and not both")
        phrases = table.by_label()
        if phrases is None:
            if options.templates or options.unwanted:
                raise ConfigError(
                    f"captions: {table.path} has the whole text of each trial; leave templates and unwanted out (a "
                    "column `negative` holds negative texts)"
                )
            self._texts = table.by_trial()
            return
        if lacking := sorted(set(labels) - set(phrases)):
            raise ConfigError(
                f"captions: {table.path} has no caption of {len(lacking)} of {len(labels)} classes, such as "
                f"{lacking[0]!r}; add a row for each"
            )
        self._phrases, self._templates = phrases, options.templates or (_SOUNDS,)

    def of(self, trial_id: str, mixture_id: str, *, named: Sequence[str], present: Collection[str]) -> TrialCaption:
        """Texts of a query that names some classes; `present` are those of the mixture.

        Raises:
            DatasetError: the table lacks the trial, or fewer other sounds are in the mixture than are to be named.
        """
        if self._texts is not None:
            if trial_id not in self._texts:
                raise DatasetError(
                    f"captions: table {self._options.table!r} has no row for trial {trial_id!r}; add it, or use a "
                    "table by label, which serves any trial"
                )
            return self._texts[trial_id]
        key = self._context.key(mixture_id)
        unwanted = self._unwanted(key, named, sorted(present))
        sentence = _drawn(self._templates, (*key, "caption"))
        text = sentence.replace(_SOUNDS, self._list(key, named))
        return TrialCaption(text, self._list(key, unwanted) if unwanted else None)

    def _unwanted(self, key: Key, named: Sequence[str], present: Sequence[str]) -> list[str]:
        count = self._options.unwanted
        if not count:
            return []
        order = [present[int(place)] for place in generator(*key, "unwanted").permutation(len(present))]
        others = [label for label in order if label not in named]
        if count > len(others):
            raise DatasetError(
                f"captions.unwanted = {count}, but mixture {key[-1]!r} has {len(others)} sounds besides what a query "
                "wants; set it to a lower number, or leave out conditions that want several"
            )
        return sorted(others[:count])

    def _list(self, key: Key, labels: Sequence[str]) -> str:
        """Phrases for some classes as a list in words: "a", "a and b", "a, b and c"."""
        *first, last = (self._phrase(key, label) for label in labels)
        return f"{', '.join(first)} and {last}" if first else last

    def _phrase(self, key: Key, label: str) -> str:
        return _drawn(self._phrases.get(label) or (label.replace("_", " ").lower(),), (*key, "caption", label))


def _drawn(choices: Sequence[str], key: Key) -> str:
    return choices[int(generator(*key).integers(len(choices)))] if len(choices) > 1 else choices[0]
