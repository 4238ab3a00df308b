"""Made-up voices for tests of systems that know their target by an enrollment."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from tsebench.core.validation import parse
from tsebench.datasets.types import Clues, Query, Truth
from tsebench.systems.checkpoints.checkpoint import CheckpointCard, save_checkpoint
from tsebench.systems.protocol import QueryBatch
from tsebench.systems.trainable import TASKS, InitialTask
from tsebench.systems.training.config import TrainConfig
from tsebench.systems.training.train import TrainResult, train

RATE_HZ = 8000


def voice(name: str, num_samples: int, generator: torch.Generator) -> Tensor:
    """Low voices hum near 200 Hz, high ones near 1500 Hz; "low0" is not quite "low1"."""
    pitch_hz = (200.0 if name.startswith("low") else 1500.0) + 40.0 * int(name[-1])
    pitch_hz += 20.0 * float(torch.rand(1, generator=generator))
    phase = 6.28 * torch.rand(1, generator=generator)
    return 0.1 * torch.sin(2 * torch.pi * pitch_hz * torch.arange(num_samples) / RATE_HZ + phase)


class Voices:
    """Mixtures of a low and a high voice; the enrollment says which one is wanted."""

    classes: tuple[str, ...] = ()
    sample_rate_hz = RATE_HZ

    def __init__(self, seed: int, *, speakers: int = 4, enrolled: bool = True) -> None:
        self.fingerprint = f"voices-{seed}"
        self.seed, self.speakers, self.enrolled = seed, speakers, enrolled

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[Query, Truth]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + index)
        number = index // 2 % (self.speakers // 2)
        names = [f"low{number}", f"high{number}"]
        signals = [voice(name, 1600, generator) for name in names]
        wanted = index % 2
        enrollment = voice(names[wanted], 1000 + 100 * (index % 3), generator)
        query = Query(
            id=f"m{index}",
            mixture=sum(signals)[None],
            sample_rate_hz=RATE_HZ,
            clues=Clues(enrollments=(enrollment,) if self.enrolled else ()),
        )
        truth = Truth(
            target=signals[wanted][None],
            interferers=signals[1 - wanted][None],
            active_classes=tuple(names),
            transcript=None,
            target_labels=(names[wanted],),
        )
        return query, truth


def train_config(system: str, net: dict[str, object], **optimiser: object) -> TrainConfig:
    """Of a short run; `optimiser` may hold `per_epoch` and `loss` too."""
    data = {"dataset": "voices", "per_epoch": optimiser.pop("per_epoch", 16), "valid": 8}
    content = {
        "name": "test",
        "system": system,
        "net": net,
        "data": data,
        "loss": {"name": optimiser.pop("loss", "neg_snr")} if not hasattr(TASKS.get(system), "own_loss") else {},
        "optimiser": {"lr": 5e-3, "batch_size": 4, "epochs": 1, **optimiser},
    }
    return parse(TrainConfig, content, where="config")


def fit(settings: TrainConfig, out: Path, *, stream: Voices | None = None) -> TrainResult:
    """Train on `Voices`, on the CPU."""
    return train(settings, streams=(stream or Voices(1), Voices(2)), out=out, device="cpu")


def checkpoint(system: str, net: dict[str, object], folder: Path) -> str:
    """A checkpoint with weights drawn from seed 1."""
    task = TASKS.get(system)
    config = parse(task.net_config, net, where="net")
    torch.manual_seed(1)
    net = task.build(config, classes=())
    attached = task.attach(net, sample_rate_hz=RATE_HZ) if isinstance(task, InitialTask) else None
    card = CheckpointCard(
        architecture=system,
        net=config.model_dump(mode="json"),
        classes=(),
        sample_rate_hz=RATE_HZ,
        sha256="",
        training_data=("voices/train",),
        initial=attached[0] if attached else None,
    )
    save_checkpoint(folder, state=net.state_dict(), card=card)
    return str(folder)


def batch(*enrollments: tuple[Tensor, ...], rate: int = RATE_HZ, num_samples: int = 900) -> QueryBatch:
    """Noise, and these enrollments."""
    count = len(enrollments)
    return QueryBatch(
        ids=tuple(f"q{i}" for i in range(count)),
        mixture=torch.stack([noise(num_samples, 100 + row)[None] for row in range(count)]),
        lengths=torch.full((count,), num_samples),
        sample_rate_hz=rate,
        clues=tuple(Clues(enrollments=signals) for signals in enrollments),
    )


def noise(num_samples: int, seed: int) -> Tensor:
    """White noise [T]."""
    return torch.randn(num_samples, generator=torch.Generator().manual_seed(seed))
