"""Recognised texts that several metrics share, so that no signal goes through one recogniser twice.

Worker processes import this module: keep its imports light.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..outcome import Outcome, Submit, attempt, undefined
from .protocol import Recogniser

MOST = 1 << 17
"""Texts that are kept, those used last."""

_Samples = NDArray[np.float32]


class Recognitions:
    """Texts by recogniser and samples, of one set: an outcome whose `detail` is the text in JSON.

    The metrics of one plan have one of these. An estimate that two metrics need is recognised once, and so is a
    reference for all systems; a recognition that failed is tried again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Future[Outcome]] = OrderedDict()

    def texts(
        self, signals: Sequence[_Samples], sample_rate_hz: int, *, recogniser: Recogniser, identity: str, submit: Submit
    ) -> list[Future[Outcome]]:
        """Texts of mono signals [T_k], which may still be under way.

        Args:
            signals: all at the rate.
            recogniser: a batched one takes all new signals at once, here; any other takes each in a worker process.
            identity: determines the recogniser.
            submit: runs a job in a worker process.
        """
        head = f"{identity}|{sample_rate_hz}"
        keys = [(head, hashlib.sha256(signal.tobytes()).hexdigest()) for signal in signals]
        new = {key: signal for key, signal in zip(keys, signals, strict=True) if not self._knows(key)}
        if new:
            found = _recognised([*new.values()], sample_rate_hz, recogniser, submit)
            self._known.update(zip(new, found, strict=True))
        futures = [self._known[key] for key in keys]
        for key in keys:
            self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return futures

    def _knows(self, key: tuple[str, str]) -> bool:
        """Whether a text is there or under way, and has not failed."""
        future = self._known.get(key)
        if future is None or not future.done():
            return future is not None
        return not future.cancelled() and future.exception() is None and future.result().status == "ok"


def _recognised(
    signals: Sequence[_Samples], sample_rate_hz: int, recogniser: Recogniser, submit: Submit
) -> list[Future[Outcome]]:
    if not recogniser.batched:
        job = partial(_text, recogniser=recogniser, sample_rate_hz=sample_rate_hz)
        return [submit(partial(job, signal)) for signal in signals]
    return [_done(_outcome(text)) for text in recogniser.transcribe(signals, sample_rate_hz)]


def _text(signal: _Samples, *, recogniser: Recogniser, sample_rate_hz: int) -> Outcome:
    """The text of one signal [T], in any process."""
    (text,) = recogniser.transcribe([signal], sample_rate_hz)
    return _outcome(text)


def _outcome(text: str) -> Outcome:
    """The text as JSON, because an outcome makes control characters visible."""
    return Outcome(value=0.0, status="ok", detail=json.dumps(text))


def given_text(text: str | None) -> Future[Outcome]:
    """A text that came with an answer, as `texts` gives it; None: `no_recognition`."""
    return _done(undefined("no_recognition") if text is None else _outcome(text))


def _done(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future


def when_known(texts: Sequence[Future[Outcome]], count: Callable[..., Outcome]) -> Future[Outcome]:
    """`count` of the texts, in their order, as soon as all are there; one that failed is the outcome.

    It is called in the process of the caller, because the normaliser of Whisper takes a worker seconds to import.
    """
    counted: Future[Outcome] = Future()
    _after(texts, [], count, counted)
    return counted


def _after(
    waiting: Sequence[Future[Outcome]], known: Sequence[str], count: Callable[..., Outcome], counted: Future[Outcome]
) -> None:
    """Wait for the next text, then for the others."""
    if not waiting:
        counted.set_result(attempt(partial(count, *known)))
        return
    first, *rest = waiting

    def go_on(done: Future[Outcome]) -> None:
        try:
            outcome = done.result()
        except (Exception, CancelledError) as error:  # noqa: BLE001 - whoever asks for the result gets it
            counted.set_exception(error)
            return
        if outcome.status != "ok":
            counted.set_result(outcome)
        else:
            _after(rest, [*known, json.loads(outcome.detail)], count, counted)

    first.add_done_callback(go_on)
