"""Gates: limits of differences in the syntax of `--fail-on`.

    GATE  = METRIC ("<" | ">") NUMBER [ "@" SLICE { "," SLICE } ]
    SLICE = NAME "=" VALUE

`si_sdri<-0.2` fails if a mean difference (candidate minus base, in the metric's unit) is below −0.2 dB in any dataset,
stratum or system; `wer>+1.0@condition=FMQ` looks at strata of kind FMQ alone. A name is `dataset`, `system`,
`condition`, or a dimension of `reports.slices.dimensions`; values of numbers are their bins: `@input_snr=..-10`.
Several slices together mean the trials that are in all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ...core.errors import ConfigError

_GATE = re.compile(r"\s*(?P<metric>[^<>@\s]+)\s*(?P<sign>[<>])\s*(?P<number>[^@]+?)\s*(@\s*(?P<at>.*))?")
_NAME = re.compile(r"(?:^|,)\s*(?P<name>[A-Za-z_]\w*)\s*=")
_EXAMPLE = 'write for example "si_sdri<-0.2" or "wer>+1.0@condition=FMQ"'


@dataclass(frozen=True, slots=True)
class Restriction:
    """One slice that a gate looks at; `value` as the user wrote it."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A limit for the difference of two runs.

    Attributes:
        metric: whose mean difference is looked at.
        sign: "<" fails below the threshold, ">" above it.
        threshold: in the metric's unit.
        restrictions: trials that it looks at; empty for all.
    """

    metric: str
    sign: Literal["<", ">"]
    threshold: float
    restrictions: tuple[Restriction, ...] = ()

    def __str__(self) -> str:
        at = ",".join(str(part) for part in self.restrictions)
        return f"{self.metric}{self.sign}{self.threshold:+g}{f'@{at}' if at else ''}"

    def beyond(self, difference: float) -> bool:
        """Whether a difference is on the wrong side of the threshold; False for NaN."""
        return difference < self.threshold if self.sign == "<" else difference > self.threshold

    @property
    def demands_improvement(self) -> bool:
        """Whether no change at all fails."""
        return self.beyond(0.0)


def parse_gate(text: str) -> Gate:
    """Read a gate.

    Raises:
        ConfigError: it does not follow the grammar, or the number is none.
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"--fail-on {text!r} is not METRIC<NUMBER or METRIC>NUMBER, with @SLICE=VALUE behind "
            f"it for some trials only; {_EXAMPLE}"
        )
    return Gate(
        metric=found["metric"],
        sign="<" if found["sign"] == "<" else ">",
        threshold=_number(found["number"], text),
        restrictions=_restrictions(found["at"], text),
    )


def parse_gates(texts: Sequence[str]) -> tuple[Gate, ...]:
    """Read several gates; one that is given twice counts once.

    Raises:
        ConfigError: see `parse_gate`.
    """
    return tuple(dict.fromkeys(parse_gate(text) for text in texts))


def _number(text: str, gate: str) -> float:
    try:
        number = float(text.replace("−", "-"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--fail-on {gate!r}: {text!r} is not a number in the metric's unit; {_EXAMPLE}")
    return number


def _restrictions(text: str | None, gate: str) -> tuple[Restriction, ...]:
    """The slices behind @; a comma belongs to a value unless NAME= follows it."""
    if text is None:
        return ()
    starts = list(_NAME.finditer(text))
    if not starts or starts[0].start() != 0:
        raise ConfigError(f"--fail-on {gate!r}: {text!r} is not SLICE=VALUE; {_EXAMPLE}")
    ends = [*(start.start() for start in starts), len(text)]
    found = tuple(
        Restriction(start["name"], text[start.end() : end].strip())
        for start, (_, end) in zip(starts, pairwise(ends), strict=True)
    )
    names = [part.name for part in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--fail-on {gate!r} names slice {twice!r} twice; write one gate for each value")
    if any(not part.value for part in found):
        raise ConfigError(f"--fail-on {gate!r}: a slice has no value; {_EXAMPLE}")
    return found
