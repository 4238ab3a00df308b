"""A short run of the fuzzers; `make fuzz COUNT=1000` makes a long one."""

from __future__ import annotations

from helpers.fuzz.campaign import fuzz
from helpers.fuzz.readers import READERS

COUNT = 6


def test_no_input_brings_a_reader_down() -> None:
    """Nothing but clean errors, no hang over 20 s, no more than 2 GB."""
    result = fuzz(COUNT, seed="suite")
    assert not result.fell, "\n".join(
        f"{name} {number}: {error}\n{trace}" for name, number, error, trace in result.fell
    )
    assert result.tried == dict.fromkeys(READERS, COUNT)
