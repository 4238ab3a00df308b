"""A system that draws its answers: the mixture with noise from the seed of each query."""

from __future__ import annotations

import signal
from typing import ClassVar, Literal

import torch

from tsebench.systems.protocol import Extraction, QueryBatch, SystemCard


class Noisy:
    """Gives the mixture times 0.5, plus white noise that gets less with the steps, as a sampler's error does.

    Args:
        steps: evaluations of its network; the noise has 0.05 / steps RMS.
        bad: seeds of queries that fail.
        phase: on its card.
        global_noise: break the contract: draw from torch's own generator.
    """

    asked: ClassVar[list[tuple[str, int]]] = []
    stop_after: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        steps: int = 1,
        bad: tuple[int, ...] = (),
        phase: Literal["kept", "generated"] = "kept",
        global_noise: bool = False,
        device: str = "cpu",
    ) -> None:
        self._steps, self._bad, self._global, self._device = steps, bad, global_noise, device
        self.card = SystemCard(
            name="noisy",
            family="generative",
            description="a fake",
            stochastic=True,
            phase=phase,
            options={"sampler": "euler", "steps": steps, "evaluations": steps},
        )

    def extract(self, batch: QueryBatch) -> Extraction:
        """Answer each query from its own seed and its own length."""
        estimate, failures = 0.5 * batch.mixture[:, 0], {}
        for row, (name, seed) in enumerate(zip(batch.ids, batch.seeds, strict=True)):
            Noisy.asked.append((name, seed))
            if Noisy.stop_after is not None and len(Noisy.asked) > Noisy.stop_after:
                signal.raise_signal(signal.SIGINT)
            if seed in self._bad:
                failures[name] = "diverged"
            length = int(batch.lengths[row])
            generator = None if self._global else torch.Generator().manual_seed(seed)
            noise = torch.randn(length, generator=generator) * 0.05 / self._steps
            estimate[row, :length] += noise.to(estimate.device)
        return Extraction(estimate=estimate, failures=failures)
