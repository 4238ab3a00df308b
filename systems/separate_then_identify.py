"""A cascade: blind separation of all voices, then speaker verification picks the output.

What target speech extraction is set against (Zmolikova et al., "Neural target speech extraction: an
overview", IEEE Signal Processing Magazine 2023). The separator needs to know the number of voices,
which is fixed by its training.
"""

from __future__ import annotations

from ._enrolled import EnrolledSystem
from .registry import register_system
from .training.separate_then_identify_task import SeparateThenIdentifyTask
from .training.task import TASKS

NAME = "separate_then_identify"


@register_system(NAME)
class SeparateThenIdentify(EnrolledSystem):
    """Separate all voices, then pick the nearest to the enrollment; see `EnrolledSystem`."""

    name = NAME
    family = "cascade"
    description = "blind separation of all voices, then speaker verification picks the output"
    task = SeparateThenIdentifyTask()


TASKS.register(NAME)(SeparateThenIdentify.task)
