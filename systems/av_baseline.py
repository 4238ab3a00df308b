"""Baseline of on- and off-screen extraction: two systems, added (Yoshinaga et al., 2023, section IV-D)."""

from __future__ import annotations

import torch

from ..core.errors import ConfigError
from .checkpoints.checkpoint import read_checkpoint_card
from .protocol import Extraction, QueryBatch, System, SystemCard
from .registry import load_system, register_system
from .shared.wrapped import joined_sha256, joined_training_data, reads_truth

NAME = "av_baseline"


@register_system(NAME)
class AvBaseline:
    """Sum of a system that looks at lips and one that takes an enrollment.

    The paper's "Baseline_A" is `av_conv_tasnet` + `wase`, its "Baseline_r" `reentry` + `spex_plus_plus`; any two
    checkpoints of this package do. Their levels must fit, so that both should be trained on the SNR.

    Args:
        on_screen: checkpoint of a system that takes a video: a folder, or a shipped name.
        off_screen: checkpoint of a system that takes an enrollment.
    """

    def __init__(self, *, on_screen: str, off_screen: str, device: str = "cpu") -> None:
        self._on = _opened(on_screen, "on_screen", "video", device=device)
        self._off = _opened(off_screen, "off_screen", "enrollment", device=device)
        on, off = self._on.card, self._off.card
        if on.sample_rate_hz != off.sample_rate_hz:
            raise ConfigError(
                f"av_baseline: on_screen {on_screen!r} works at {on.sample_rate_hz} Hz, off_screen {off_screen!r} at "
                f"{off.sample_rate_hz} Hz; choose two of one rate"
            )
        self.card = SystemCard(
            name=NAME,
            family="discriminative",
            description=f"sum of {on.name} by the lips and {off.name} by the enrollment",
            clues=frozenset({"video", "enrollment"}),
            sample_rate_hz=on.sample_rate_hz,
            causal=bool(on.causal and off.causal),
            detects_activity=off.detects_activity,
            padding_neutral=on.padding_neutral and off.padding_neutral,
            checkpoint=f"{on_screen} + {off_screen}",
            sha256=joined_sha256(on.sha256, off.sha256),
            licence=" and ".join(sorted({on.licence, off.licence})),
            training_data=joined_training_data(on.training_data, off.training_data),
            options={"on_screen": on_screen, "off_screen": off_screen},
        )

    @torch.inference_mode()
    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer a batch; a query that one of both systems cannot answer fails alone."""
        on, off = self._on.extract(batch), self._off.extract(batch)
        estimate = torch.as_tensor(on.estimate) + torch.as_tensor(off.estimate)
        return Extraction(estimate=estimate, activity=off.activity, failures={**off.failures, **on.failures})


def _opened(checkpoint: str, option: str, clue: str, *, device: str) -> System:
    """The system of a checkpoint, if it takes the clue."""
    system = load_system(read_checkpoint_card(checkpoint).architecture, checkpoint=checkpoint, device=device)
    if not isinstance(system, System) or reads_truth(system) or clue not in system.card.clues:
        raise ConfigError(
            f"av_baseline: {option} {checkpoint!r} is of system {system.card.name!r}, which takes "
            f"{', '.join(sorted(system.card.clues)) or 'no clue'}; choose a checkpoint of one that takes a {clue}"
        )
    return system
