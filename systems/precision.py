"""Full float32 on a GPU, wherever a system is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_float32() -> Iterator[None]:
    """Convolutions and recurrent layers on a GPU in float32 as it is written.

    torch lets them use TF32, whose fractions have 10 bits: errors of about −60 dB that depend on
    the card and on the size of the batch.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
