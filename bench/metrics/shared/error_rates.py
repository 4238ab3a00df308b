"""Common part of the error rates of recognised speech."""

from __future__ import annotations

from collections.abc import Sequence
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
from ...asr.languages import checked_language, is_unspaced
from ...asr.normalise import Normaliser, open_normaliser
from ...asr.protocol import SAMPLE_RATE_HZ, Recogniser, open_recogniser
from ...asr.recognitions import Recognitions, when_known
from ...outcome import Outcome, Submit, undefined
from ..protocol import Answered, MetricInfo, Need
from .samples import rate_signature, samples_of

_KINDS = ("substitutions", "deletions", "insertions")
_REFERENCE_LIMIT = 50.0  # per cent; a recogniser with more errors on clean speech does not understand it

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
            path of a checkpoint; it needs `pip install 'tsebench[asr]'`.
        language: language of the transcripts, a code such as "en" or "zh", or "auto": what Whisper finds in the
            estimate, and the script of the transcript for what is counted. null: "en" for `wer`, "auto" for `cer` and
            `ter`.
        normaliser: what both texts go through before they are compared: "none", "basic" (small letters, no punctuation)
            or "whisper_en" (also numbers, spellings and contractions of English); null: the last one for Whisper in
            English, else "basic".
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
        self._recognitions = recognitions or Recognitions()
        self._backend, self._grammar_file = backend, grammar_file
        self._grammar, self._device, self._batch_size = grammar, device, batch_size
        self.language = checked_language(language or self._language, where=f"metric {self._name!r}")
        self._marks = marks
        default = "whisper_en" if backend.startswith("whisper") and self.language == "en" else "basic"
        self.normaliser: Normaliser = open_normaliser(normaliser or default, self.language)
        self.info = self._facts()

    def _facts(self) -> MetricInfo:
        return rate_info(self._name, self._what, self._order, per=self._per)

    @cached_property
    def recogniser(self) -> Recogniser:
        """The recogniser, opened when it is first needed.

        Raises:
            ConfigError: there is no such recogniser, model or grammar.
        """
        grammar = self._grammar
        if self._grammar_file is not None:
            try:
                grammar = self._grammar_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"metric {self._name!r}: cannot read grammar_file {str(self._grammar_file)!r}: {error}"
                ) from None
        return open_recogniser(
            self._backend, device=self._device, grammar=grammar, batch_size=self._batch_size, language=self.language
        )

    def recogniser_signature(self) -> str:
        """Part of the signature that determines the texts, with the language and the rate."""
        return "|".join(_signature_of(self.recogniser))

    def signature(self, sample_rate_hz: int) -> str:
        """For example `wer|pocketsphinx:5.1.1|grammar:1a2b3c4d|basic:2|language:en|jiwer:4.0.0|fs:16000`."""
        texts = counting_signature(self.normaliser, marks=self._marks)
        rate = rate_signature(sample_rate_hz, wanted_hz=SAMPLE_RATE_HZ)
        return f"{self._name}|{self.recogniser_signature()}|{texts}|{rate}"

    def judge(
        self, answers: Sequence[Answered], *, sample_rate_hz: int, submit: Submit
    ) -> Sequence[Outcome | Future[Outcome]]:
        """Word errors of each estimate; a trial without a transcript has none."""
        with_text = [(place, text) for place, answer in enumerate(answers) if (text := answer.facts.transcript)]
        found: list[Outcome | Future[Outcome]] = [undefined("no_transcript")] * len(answers)
        texts = self.texts([answers[place].estimate for place, _ in with_text], sample_rate_hz, submit)
        for (place, transcript), recognised in zip(with_text, texts, strict=True):
            count = partial(counted, spoken_words(transcript, self._marks), normaliser=self.normaliser, unit=self._unit)
            found[place] = when_known([recognised], count)
        return found

    def texts(self, signals: Sequence[Tensor], sample_rate_hz: int, submit: Submit) -> list[Future[Outcome]]:
        """Recognised texts of signals [T], shared with the other metrics of the set."""
        return self._recognitions.texts(
            [samples_of(signal) for signal in signals],
            sample_rate_hz,
            recogniser=self.recogniser,
            identity=self.recogniser_signature(),
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
) -> MetricInfo:
    """Facts of an error rate with its parts.

    Args:
        what: description of the rate.
        per: unit of what is counted.
        of_reference: whether the references have a value of their own, which bounds what the others mean.
    """
    whole = MetricInfo(
        name=name,
        unit="%",
        higher_is_better=False,
        description=what,
        label=label or name.upper(),
        order=order,
        pooling="weighted_mean",
        needs=needs,
    )
    part = replace(whole, label="", order=None, part_of=name)
    kinds = {kind: f"{kind} per {per} of the reference" for kind in _KINDS}
    parts = [replace(part, name=f"{name}_{kind}", description=words) for kind, words in kinds.items()]
    value = f"{name}_reference" if of_reference else None
    limit = _REFERENCE_LIMIT if of_reference else None
    return replace(whole, parts=tuple(parts), reference_value=value, reference_limit=limit)
