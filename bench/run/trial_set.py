"""Trials with their signals, and the answers that are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ...datasets.batches import channel_of
from ...datasets.types import Query, Trial, Truth
from ..inference.answer import Answer
from ..inference.batching import Item
from ..metrics.protocol import Facts
from ..scoring.edges import Scorable

if TYPE_CHECKING:
    from ..inference.ask import Inference


class SetCard(Protocol):
    """Facts of a set that its scores depend on."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sample_rate_hz(self) -> int: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102


class TrialSet(Protocol):
    """Trials with their signals: a dataset, or paired files. Reading is safe from several threads."""

    @property
    def card(self) -> SetCard: ...  # noqa: D102
    @property
    def trials(self) -> Sequence[Trial]: ...  # noqa: D102
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> tuple[Query, Truth]: ...


class AnswerSource(Protocol):
    """Answers to the trials of one set: those on disk, and those that a system gives.

    Attributes:
        identity: determines the answers, see `scoring.identity.identity_of`.
        reusable: whether nothing else determines them, so that their scores may be cached.
        classes: vocabulary of `class_probabilities`, or None.
        inference: answers trials that are not on disk; None if all are.
        sample: number of the answer to each trial, from 0; its queries have the seeds of that sample.
    """

    identity: str
    reusable: bool
    sample: int
    classes: tuple[str, ...] | None
    inference: Inference | None

    def complete(self, ids: Sequence[str], /) -> bool:
        """Whether these trials need not be answered if their scores are known."""
        ...

    def stored(self, items: Sequence[Item]) -> dict[int, Answer]:
        """Answers on disk, by item index. The loading threads call this."""
        ...

    def store(self, items: Sequence[Item], answers: Mapping[int, Answer], /) -> None:
        """Write new answers, if the source keeps any."""
        ...


def scorable(item: Item, answer: Answer, classes: tuple[str, ...] | None) -> Scorable:
    """One answer with the truth of its trial; of several channels the reference channel counts."""
    target, enrollments, recorded = item.truth.target, item.query.clues.enrollments, item.truth.recorded
    reference_channel = item.query.reference_channel
    facts = Facts(
        interferers=item.truth.interferers,
        interferer_roles=item.truth.interferer_roles,
        transcript=item.truth.transcript,
        language=recorded.language if recorded else "",
        speech_times=recorded.activity if recorded else None,
        recognised=answer.transcript,
        activity=answer.activity,
        active_classes=item.truth.active_classes,
        classes=classes,
        class_probabilities=answer.class_probabilities,
        enrollment=enrollments[0] if enrollments else None,
        parts=item.truth.parts,
        part_labels=item.truth.target_labels,
        outputs=answer.outputs,
        reference_channels=None if target is None or len(target) == 1 else target,
        estimate_channels=answer.channels,
    )
    return Scorable(
        trial_id=item.query.id,
        estimate=answer.estimate,
        failure=answer.failure,
        reference=None if target is None else channel_of(target, reference_channel),
        unreferenced=recorded is not None,
        mixture=channel_of(item.query.mixture, reference_channel),
        facts=facts,
    )
