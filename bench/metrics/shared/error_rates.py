"""Common part of the error rates of recognised speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor

from ....core.errors import ConfigError
from ....core.packages import installed_version
from ....datasets.transcripts import without_wsj_marks
from ...asr.counting import count_errors
from ...asr.languages import AUTO, checked_language, is_unspaced
from ...asr.normalise import Normaliser, open_normaliser
from ...asr.protocol import SAMPLE_RATE_HZ, Recogniser, open_recogniser
from ...asr.recognitions import Recognitions, given_text, when_known
from ...outcome import Outcome, Submit, undefined
from ..protocol import Answered, MetricInfo, Need
from .samples import rate_signature, samples_of

_KINDS = ("substitutions", "deletions", "insertions")
_REFERENCE_LIMIT = 50.0  # per cent; a recogniser with more errors on clean speech does not understand it

GIVEN = "given"
"""Backend that recognises nothing: the words come with the answers."""
BY_LANGUAGE = "by_language"
"""Normaliser of a trial's own language: that of the whisper package for English, "basic" for any other."""

Unit = Literal["words", "characters", "by_language"]
Marks = Literal["none", "wsj"]


class ErrorRate:
    """Common part of the error rates.

    0 % is no error; insertions can raise it above 100 %. Errors are substitutions, deletions and insertions of the
    alignment with the fewest (jiwer); an empty recognition counts as deletions. Undefined (`no_transcript`) without a
    transcript, or where the normaliser leaves nothing of it. What the recogniser makes of the target itself is a value
    of its own, whose name ends in `_reference`: where that is high, differences between systems mean little. What was
    recognised is the `detail` of a row.

    Args:
        backend: recogniser: "pocketsphinx", which is always there, or "whisper:" with a size ("whisper:base.en") or the
            path of a checkpoint; it needs `pip install 'tsebench[asr]'`. "given": the words that come with the answers,
            from `score --recognised CSV`, from the option `recognised` of the system `precomputed`, or from a system
            that recognises speech; without them a trial is undefined (`no_recognition`).
        language: language of the transcripts, a code such as "en" or "zh", or "auto": that of the trial where the set
            names one, else what Whisper finds in the estimate, and the script of the transcript for what is counted.
            null: "en" for `wer`, "auto" for `cer` and `ter`.
        normaliser: what both texts go through before they are compared: "none", "basic" (small letters, no
            punctuation), "whisper_en" (also numbers, spellings and contractions of English) or "by_language"
            ("whisper_en" for trials in English, "basic" for all others); null: "whisper_en" for Whisper in English,
            else "basic".
        marks: "wsj" removes WSJ's verbalised punctuation and noise tags from the transcripts. The corpus `wsj0` does so
            itself; a table for `score`, or a set that was built by an older version, needs it.
        grammar_file: JSGF grammar of all possible sentences, for pocketsphinx, relative to the working folder; null:
            that of the dataset, if it has one, else the recogniser's own language model.
        batch_size: most windows of speech that Whisper takes at once.
    """

    _name: ClassVar[str]
    _unit: ClassVar[Unit]
    _order: ClassVar[int]
    _what: ClassVar[str]
    _per: ClassVar[str]
    _language: ClassVar[str]

    def __init__(
        self,
        *,
        backend: str = "pocketsphinx",
        language: str | None = None,
        normaliser: str | None = None,
        marks: Marks = "none",
        grammar_file: Path | None = None,
        grammar: str | None = None,
        device: str = "cpu",
        batch_size: int = 16,
        recognitions: Recognitions | None = None,
    ) -> None:
        self._recognitions, self._recognisers = recognitions or Recognitions(), dict[str, Recogniser]()
        self._backend, self._grammar_file = backend, grammar_file
        self._grammar, self._device, self._batch_size = grammar, device, batch_size
        self.language = checked_language(language or self._language, where=f"metric {self._name!r}")
        self._marks = marks
        default = "whisper_en" if backend.startswith("whisper") and self.language == "en" else "basic"
        self._by_language = normaliser == BY_LANGUAGE
        usual = "basic" if self._by_language else normaliser or default
        self.normaliser: Normaliser = open_normaliser(usual, self.language)
        self._english = open_normaliser("whisper_en") if self._by_language else self.normaliser
        self.info = self._facts()

    def _facts(self) -> MetricInfo:
        info = rate_info(self._name, self._what, self._order, per=self._per, of_reference=self._backend != GIVEN)
        return replace(info, needs=(*info.needs, "recognised")) if self._backend == GIVEN else info

    @cached_property
    def _sentences(self) -> str | None:
        """The grammar, if there is one."""
        if self._grammar_file is None:
            return self._grammar
        try:
            return self._grammar_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"metric {self._name!r}: cannot read grammar_file {str(self._grammar_file)!r}: {error}"
            ) from None

    @property
    def recogniser(self) -> Recogniser:
        """The recogniser of the setting `language`, opened when it is first needed.

        Raises:
            ConfigError: there is no such recogniser, model or grammar.
        """
        return self._recogniser(self.language)

    def _recogniser(self, language: str) -> Recogniser:
        """The recogniser of one language; errors are those of `recogniser`."""
        if language not in self._recognisers:
            self._recognisers[language] = open_recogniser(
                self._backend,
                device=self._device,
                grammar=self._sentences,
                batch_size=self._batch_size,
                language=language,
            )
        return self._recognisers[language]

    def recogniser_signature(self) -> str:
        """Part of the signature that determines the texts, with the language and the rate."""
        return GIVEN if self._backend == GIVEN else "|".join(_signature_of(self.recogniser))

    def signature(self, sample_rate_hz: int) -> str:
        """For example `wer|pocketsphinx:5.1.1|grammar:1a2b3c4d|basic:2|language:en|jiwer:4.0.0|fs:16000`."""
        texts = counting_signature(self.normaliser, marks=self._marks)
        english = f"en:{self._english.signature()}|" if self._by_language else ""
        rate = "" if self._backend == GIVEN else f"|{rate_signature(sample_rate_hz, wanted_hz=SAMPLE_RATE_HZ)}"
        return f"{self._name}|{self.recogniser_signature()}|{english}{texts}{rate}"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """Errors of each estimate; a trial without a transcript has none."""
        with_text = [(place, text) for place, answer in enumerate(answers) if (text := answer.facts.transcript)]
        found: list[Outcome | Future[Outcome]] = [undefined("no_transcript")] * len(answers)
        texts = self.texts_of([answers[place] for place, _ in with_text], sample_rate_hz, submit)
        for (place, transcript), recognised in zip(with_text, texts, strict=True):
            found[place] = when_known([recognised], self._count(answers[place], transcript))
        return found

    def _count(self, answer: Answered, transcript: str) -> Callable[[str], Outcome]:
        """A function from the recognised text of an answer to its errors."""
        said = spoken_words(transcript, self._marks)
        return partial(counted, said, normaliser=self.normaliser_for(answer), unit=self._unit)

    def _language_of(self, answer: Answered) -> str:
        """Language of a trial: the setting, or, if that is "auto", what the set says."""
        return (answer.facts.language or AUTO) if self.language == AUTO else self.language

    def normaliser_for(self, answer: Answered) -> Normaliser:
        """The normaliser of a trial."""
        language = self._language_of(answer)
        if self._by_language and language == "en":
            return self._english
        return self.normaliser if language == self.normaliser.language else replace(self.normaliser, language=language)

    def texts_of(self, answers: Sequence[Answered], sample_rate_hz: int, submit: Submit) -> list[Future[Outcome]]:
        """The words of each answer, as they were given, or recognised in the language of the trial."""
        if self._backend == GIVEN:
            return [given_text(answer.facts.recognised) for answer in answers]
        found: dict[int, Future[Outcome]] = {}
        languages = [self._language_of(answer) for answer in answers]
        for language in dict.fromkeys(languages):
            places = [place for place, other in enumerate(languages) if other == language]
            signals = [answers[place].estimate for place in places]
            found.update(zip(places, self.texts(signals, sample_rate_hz, submit, language=language), strict=True))
        return [found[place] for place in range(len(answers))]

    def texts(
        self, signals: Sequence[Tensor], sample_rate_hz: int, submit: Submit, *, language: str | None = None
    ) -> list[Future[Outcome]]:
        """Recognised texts of signals [T], shared with the other metrics of the set; None: the setting's language."""
        recogniser = self._recogniser(language or self.language)
        return self._recognitions.texts(
            [samples_of(signal) for signal in signals],
            sample_rate_hz,
            recogniser=recogniser,
            identity="|".join(_signature_of(recogniser)),
            submit=submit,
        )


def _signature_of(recogniser: Recogniser) -> list[str]:
    """Signature of a recogniser, with a hash of its code if it comes from another package."""
    from ...scoring.loaded_code import loaded_code  # noqa: PLC0415 - workers start quickly

    kind = type(recogniser)
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return [recogniser.signature()]
    return [recogniser.signature(), f"code:{loaded_code(kind, kind, {}).digest[:8]}"]


def spoken_words(transcript: str, marks: Marks) -> str:
    """A transcript without the marks that a setting names."""
    return without_wsj_marks(transcript) if marks == "wsj" else transcript


def counting_signature(normaliser: Normaliser, *, marks: Marks) -> str:
    """Part of a signature that determines the errors of two texts."""
    removed = "" if marks == "none" else f"|marks:{marks}"
    return f"{normaliser.signature()}|language:{normaliser.language}{removed}|jiwer:{installed_version('jiwer')}"


def counted(reference: str, text: str, *, normaliser: Normaliser, unit: Unit) -> Outcome:
    """The rate of a text, its parts in percent of the words or characters of the reference, and the text.

    Where no spaces are written, they are no characters.

    Raises:
        UndefinedValueError: nothing is left of the reference.
    """
    said, found = normaliser(reference), normaliser(text)
    unspaced = is_unspaced(said, normaliser.language)
    characters = unit == "characters" or (unit == "by_language" and unspaced)
    if characters and unspaced:
        said, found = ("".join(each.split()) for each in (said, found))
    errors = count_errors(said, found, characters=characters)
    counts = (errors.substitutions, errors.deletions, errors.insertions)
    return Outcome(
        value=errors.rate,
        status="ok",
        weight=float(errors.words),
        detail=text,
        parts=tuple(100.0 * count / errors.words for count in counts),
    )


def rate_info(
    name: str,
    what: str,
    order: int,
    *,
    per: str = "word",
    label: str = "",
    needs: tuple[Need, ...] = ("transcript",),
    of_reference: bool = True,
    needs_reference: bool = False,
) -> MetricInfo:
    """Facts of an error rate with its parts.

    Args:
        what: description of the rate.
        per: unit of what is counted.
        of_reference: whether the references have a value of their own, which bounds what the others mean.
        needs_reference: whether the reference is recognised, too.
    """
    whole = MetricInfo(
        name=name,
        unit="%",
        higher_is_better=False,
        description=what,
        label=label or name.upper(),
        order=order,
        pooling="weighted_mean",
        needs_reference=needs_reference,
        needs=needs,
    )
    part = replace(whole, label="", order=None, part_of=name)
    kinds = {kind: f"{kind} per {per} of the reference" for kind in _KINDS}
    parts = [replace(part, name=f"{name}_{kind}", description=words) for kind, words in kinds.items()]
    value = f"{name}_reference" if of_reference else None
    limit = _REFERENCE_LIMIT if of_reference else None
    return replace(whole, parts=tuple(parts), reference_value=value, reference_limit=limit)
