"""Labelled outputs of a system: checked, and on their way to the CPU."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.text import safe_text, type_name
from ...systems.protocol import Extraction, LabelledOutput
from .plain_tensors import plain, to_cpu

MOST_OUTPUTS = 64
"""Labelled outputs of one query; more are refused."""

LONGEST_LABEL = 200
"""Characters of a label."""

Outputs = tuple[LabelledOutput, ...]


def labelled_outputs(extraction: Extraction, *, size: int, length: int) -> Sequence[Outputs | None]:
    """Labelled outputs of each of `size` queries of at most `length` samples, or None if the system gives none.

    Raises:
        TypeError: something is no labelled output, or a label no text.
        ValueError: there are not as many as queries, too many for one query, a label is empty or too long, or a signal
            is none [T] of at most the batch's length.
    """
    given: object = extraction.outputs
    if given is None:
        return [None] * size
    if not isinstance(given, Sequence):
        raise TypeError(f"outputs are of type {type_name(given)}, not a sequence of labelled outputs for each query")
    if len(given) != size:
        raise ValueError(
            f"outputs for {len(given)} of {size} queries: give a sequence for each, empty if none is found"
        )
    return [_of_query(each, length) for each in given]


def ended(outputs: Outputs | None, length: int) -> Outputs | None:
    """The outputs of a query of `length` samples without what lies past its end."""
    if outputs is None:
        return None
    return tuple(LabelledOutput(each.label, each.signal[:length].clone()) for each in outputs)


def _of_query(given: object, length: int) -> Outputs:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise TypeError(f"the outputs of a query are of type {type_name(given)}, not a sequence of LabelledOutput")
    if len(given) > MOST_OUTPUTS:
        raise ValueError(f"{len(given)} labelled outputs for one query; give at most {MOST_OUTPUTS}")
    return tuple(_output(each, length) for each in given)


def _output(given: object, length: int) -> LabelledOutput:
    if not isinstance(given, LabelledOutput):
        raise TypeError(f"an output is of type {type_name(given)}, not LabelledOutput(label, signal)")
    label: object = given.label
    if not isinstance(label, str):
        raise TypeError(f"the label of an output is of type {type_name(label)}, not str")
    if not label.strip() or len(label) > LONGEST_LABEL:
        problem = f"the label {safe_text(label, 60)!r} of an output has {len(label)} characters"
        raise ValueError(f"{problem}; give 1 to {LONGEST_LABEL}, not all of them spaces")
    signal = plain(given.signal)
    if signal.ndim != 1 or len(signal) > length:
        problem = f"the output {safe_text(label, 60)!r} has shape {list(signal.shape)}"
        raise ValueError(f"{problem}; give [T] with T of at most {length}, as in the batch's mixture")
    return LabelledOutput(safe_text(label, LONGEST_LABEL), to_cpu(signal))
