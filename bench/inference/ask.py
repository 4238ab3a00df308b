"""Systems answer queries batch by batch; a failure costs one trial and never the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch

from ...core.errors import ExtractionError, TsebenchError
from ...core.text import error_text, safe_text
from ...datasets.batches import channel_of, collate, resampled
from ...datasets.types import Query, Truth
from ...systems.protocol import AnySystem, Extraction, PrivilegedSystem, QueryBatch, System, SystemCard
from ...systems.shared.batches import full_float32
from .answer import Answer
from .batch_sizes import BatchSize, BatchSizes, with_memory_use
from .batching import Item, as_taken_by, bucket
from .extraction_rows import activities_of, estimates_of, failure_reasons, gpus_of, probabilities_of, transcripts_of
from .isolation import Isolated
from .labelled import ended, labelled_outputs
from .process_state import OwnGenerators, interrupts_watched, state_put_back

Tensor = torch.Tensor
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Error that a system raised."""

    error: BaseException

    @property
    def line(self) -> str:
        """Type and message on one line."""
        return error_text(self.error)

    @property
    def reason(self) -> str:
        """Reason of a row: the message alone if it is one of tsebench's own errors."""
        if isinstance(self.error, torch.OutOfMemoryError):
            return "out of memory"
        return safe_text(self.error, 500) if isinstance(self.error, TsebenchError) else self.line


def guarded(work: Callable[[], T]) -> T | Failure:
    """Call third-party code: whatever it raises becomes a failure, also `SystemExit` or its own `KeyboardInterrupt`.

    An interrupt by the user passes, even if the code catches it.
    """
    result: T | Failure
    with interrupts_watched() as interrupts:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - systems are third-party code
            result = Failure(error)
    if interrupts.real:
        raise KeyboardInterrupt
    return result


@torch.inference_mode()
def ask(system: AnySystem, batch: QueryBatch, truths: Sequence[Truth]) -> Extraction:
    """Have a system answer a batch: in full float32, and an oracle with copies of the truths.

    What it changes of the process is put back afterwards.

    Runs, `doctor` and the cost measurement all ask in this way; call it through `guarded`, because it raises what the
    system raises. `truths` are of the same trials, at the batch's rate; only privileged systems receive them.
    """
    check_channels(system.card, batch)
    with state_put_back(), full_float32():
        if isinstance(system, PrivilegedSystem):
            # Copies: a system may work in place, and is scored against the truth.
            extraction: object = system.extract_with_truth(batch, [_own_truth(truth) for truth in truths])
        elif isinstance(system, System):
            extraction = system.extract(batch)
        else:
            raise TypeError(f"{type(system).__name__} has no method extract(batch)")
    if not isinstance(extraction, Extraction):
        raise TypeError(f"the system gave {type(extraction).__name__}, not an Extraction")
    return extraction


def check_channels(card: SystemCard, batch: QueryBatch) -> None:
    """Refuse mixtures of another number of channels than the system takes."""
    given = batch.mixture.shape[1]
    if card.channels not in ("any", given):
        raise ExtractionError(f"channels: system {card.name!r} takes {card.channels}, and the mixture has {given}")


class Inference:
    """Runs one system over trials, in batches as `BatchSizes` cuts them."""

    def __init__(self, system: AnySystem, *, device: str, batch_size: BatchSize) -> None:
        self._system, self._device, self.sizes = system, device, BatchSizes(batch_size)
        self._generators = OwnGenerators()

    def begin(self, items: Sequence[Item]) -> Answering:
        """Have trials answered; on a GPU the first batch is under way when this returns."""
        return Answering(self, items, [as_taken_by(item, self._system.card) for item in items])

    @property
    def batches_ahead(self) -> int:
        """Batches that are begun before the previous one is finished.

        One on a GPU, which computes while this thread prepares the next; none on a CPU, where both would compete for
        the same cores.
        """
        return int(self._device.startswith("cuda"))

    def bucket(self, items: Sequence[Item]) -> list[list[Item]]:
        """Batches of trials at the system's rate."""
        return bucket(items, fit=self.sizes.fit, equal_lengths=not self._system.card.padding_neutral)

    @torch.inference_mode()
    def begin_batch(self, items: Sequence[Item]) -> Callable[[], dict[int, Answer]]:
        """Ask the system; the function returned waits for the answers, by item index."""
        if isinstance(self._system, Isolated):
            return self._begin_elsewhere(self._system, items)
        on_cpu = self._device == "cpu"
        queries = [_own_query(item.query) if on_cpu else item.query for item in items]
        batch = collate(queries, device=self._device)
        with self._generators.installed():
            truths = [item.truth for item in items]
            extraction, use = with_memory_use(lambda: ask(self._system, batch, truths), self._device)
        self.sizes.measured(items, use)
        return self._answers(extraction, batch, items)

    def _begin_elsewhere(self, system: Isolated, items: Sequence[Item]) -> Callable[[], dict[int, Answer]]:
        """Ask a system in a process of its own, which copies what it gets and moves it to its device."""
        batch = collate([item.query for item in items], device="cpu")
        check_channels(system.card, batch)
        reply = system.host.begin(batch, [item.truth for item in items])

        @torch.inference_mode()
        def finish() -> dict[int, Answer]:
            extraction = reply.result()
            self.sizes.measured(items, reply.memory)
            return self._answers(extraction, batch, items)()

        return finish

    def _answers(
        self, extraction: Extraction, batch: QueryBatch, items: Sequence[Item]
    ) -> Callable[[], dict[int, Answer]]:
        """A function that waits until the answers are on the CPU, and gives them by item index."""
        estimates = estimates_of(extraction, batch)
        probabilities = probabilities_of(extraction, len(items), self._system.card)
        transcripts = transcripts_of(extraction, len(items))
        activities = activities_of(extraction, batch)
        outputs = labelled_outputs(extraction, size=len(items), length=batch.mixture.shape[-1])
        failures = failure_reasons(extraction, batch)
        waits = [torch.cuda.current_stream(d).record_event() for d in gpus_of(extraction)]

        @torch.inference_mode()
        def finish() -> dict[int, Answer]:
            for event in waits:
                event.synchronize()
            own: Sequence[Tensor | str] | Tensor = estimates
            if isinstance(own, Tensor):
                own = [row[..., : i.length].clone() for row, i in zip(own, items, strict=True)]
            answers = {}
            every = zip(items, own, probabilities, transcripts, activities, outputs, strict=True)
            for item, estimate, given, words, activity, found in every:
                failure = failures.get(item.query.id)
                if failure is not None or isinstance(estimate, str):
                    answers[item.index] = Answer(failure=failure or str(estimate))
                else:
                    several = estimate.ndim == 2 and len(estimate) == item.channels[0] > 1
                    answers[item.index] = Answer(
                        estimate=channel_of(estimate, batch.reference_channel) if several else estimate,
                        channels=estimate if several else None,
                        class_probabilities=given,
                        transcript=words,
                        activity=activity,
                        outputs=ended(found, item.length),
                    )
            return answers

        return finish


class Answering:
    """Trials that a system is answering, also at its own rate; a batch that fails is repeated in smaller batches."""

    def __init__(self, inference: Inference, items: Sequence[Item], resampled: list[Item]) -> None:
        self._inference, self._items, self._resampled = inference, items, resampled
        self._answers: dict[int, Answer] = {}
        self._batches = inference.bucket(resampled)
        self._begun: deque[tuple[list[Item], Callable[[], dict[int, Answer]]]] = deque()
        while self._batches and len(self._begun) < inference.batches_ahead:
            self._begin()

    def finish(self) -> dict[int, Answer]:
        """Answers by item index, at each item's own rate."""
        while self._batches or self._begun:
            if self._batches and len(self._begun) <= self._inference.batches_ahead:
                self._begin()
            if len(self._begun) > self._inference.batches_ahead or not self._batches:
                self._end()
        return {
            item.index: _back(self._answers[item.index], at_own_rate, item)
            for item, at_own_rate in zip(self._items, self._resampled, strict=True)
        }

    def _begin(self) -> None:
        batch = self._batches.pop(0)
        finish = self._tried(batch, partial(self._inference.begin_batch, batch))
        if finish is not None:
            self._begun.append((batch, finish))

    def _end(self) -> None:
        if self._begun:
            batch, finish = self._begun.popleft()
            self._answers.update(self._tried(batch, finish) or {})

    def _tried(self, batch: list[Item], work: Callable[[], T]) -> T | None:
        """The result of the work; None after a failure.

        A single trial has failed then. Out of memory, the batch and all that wait are cut in batches of half the size;
        after any other error each trial of the batch is repeated alone.
        """
        result = guarded(work)
        if not isinstance(result, Failure):
            return result
        if len(batch) == 1:
            self._answers[batch[0].index] = Answer(failure=result.reason)
        elif isinstance(result.error, torch.OutOfMemoryError):
            self._inference.sizes.halve(len(batch))
            rest = [item for waiting in [batch, *self._batches] for item in waiting]
            self._batches = self._inference.bucket(rest)
        else:
            self._batches[:0] = [[item] for item in batch]
        return None


def _own_query(query: Query) -> Query:
    """A copy of the clues, because a system may work in place; collating copies the mixture."""
    enrollments = tuple(signal.clone() for signal in query.clues.enrollments)
    video = None if query.clues.video is None else query.clues.video.clone()
    return replace(query, clues=replace(query.clues, enrollments=enrollments, video=video))


def _own_truth(truth: Truth) -> Truth:
    target = None if truth.target is None else truth.target.clone()
    parts = {name: signal.clone() for name, signal in truth.parts.items()}
    return replace(truth, target=target, interferers=truth.interferers.clone(), parts=parts)


def _back(answer: Answer, at_own_rate: Item, item: Item) -> Answer:
    """The answer at the dataset's rate; resampling there and back may round a length up by one.

    An estimate that is not a valid signal is left unchanged, for the scorer to reject.
    """
    from_hz, to_hz = at_own_rate.query.sample_rate_hz, item.query.sample_rate_hz
    if from_hz == to_hz or answer.estimate is None:
        return answer

    def back(signal: Tensor) -> Tensor:
        if not is_signal(signal):
            return signal
        moved = resampled(signal, from_hz, to_hz)
        return moved[: item.length] if len(signal) == at_own_rate.length else moved

    outputs = answer.outputs
    if outputs is not None:
        outputs = tuple(replace(each, signal=back(each.signal)) for each in outputs)
    channels = answer.channels
    if channels is not None:
        channels = torch.stack([back(signal) for signal in channels])
    return replace(answer, estimate=back(answer.estimate), channels=channels, outputs=outputs)


def is_signal(estimate: Tensor) -> bool:
    """Whether a tensor is a finite, non-empty signal [T]."""
    return estimate.ndim == 1 and len(estimate) > 0 and bool(estimate.isfinite().all())
