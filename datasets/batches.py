"""Batches of queries, as systems take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..core.arrays import Array
from ..core.errors import ConfigError, listed
from .seeding import sample_seed
from .signals.audio import resample
from .types import Clues, Query, Truth, extent

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryBatch:
    """Queries padded with zeros to one length, on the system's device.

    Attributes:
        mixture: [B, C, T] float32.
        lengths: [B] int64, true number of samples of each mixture.
        clues: one for each query; enrollments are tensors [T_k] on the same device, and so are videos [F_b, H, W] in
            0..1, of `video_fps` pictures per second, unpadded. A system normalises videos itself: MuSE and reentry take
            (x − 0.4161) / 0.1688.
        seeds: one for each query, 0 ≤ seed < 2⁶³; without any, seeds that follow from the ids. A stochastic system
            draws the noise of a query from a generator of its own with this seed, in the shape of the query's own
            length, so that an answer does not depend on the batch.
        reference_channel: of the C channels the one that an estimate [T] is of.

    Raises:
        ConfigError: there are seeds, but not as many as ids.
    """

    ids: tuple[str, ...]
    mixture: Tensor
    lengths: Tensor
    sample_rate_hz: int
    clues: tuple[Clues, ...]
    seeds: tuple[int, ...] = ()
    reference_channel: int = 0

    def __post_init__(self) -> None:
        if not self.seeds:
            object.__setattr__(self, "seeds", tuple(sample_seed("", name, 0) for name in self.ids))
        if len(self.seeds) != len(self.ids):
            raise ConfigError(
                f"a batch of {len(self.ids)} queries has {len(self.seeds)} seeds; give one for each query"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        kinds = sorted({kind for clue in self.clues for kind in clue.kinds()})
        shape = " x ".join(map(str, getattr(self.mixture, "shape", ())))
        return (
            f"<QueryBatch of {len(self.ids)} ({listed(self.ids, length=60)}): mixture [{shape}], up to "
            f"{extent(self.mixture, self.sample_rate_hz)}; clues: {', '.join(kinds) or 'none'}>"
        )


def collate(items: Iterable[Query | tuple[Query, Truth]], *, device: str = "cpu") -> QueryBatch:
    """A batch of queries, padded with zeros to the longest; `system.extract(batch)` answers it.

    Args:
        items: queries of one sample rate, or pairs of query and truth as a dataset gives them (the truth is left out).
        device: of the system: "cpu", "cuda", ...

    Raises:
        ConfigError: there is none, something else is among them, or rates, channels or reference channels differ.
    """
    import torch  # noqa: PLC0415 - slow to import, and files are scored without it
    from torch.nn.utils.rnn import pad_sequence  # noqa: PLC0415

    queries = [_query(item) for item in ([items] if isinstance(items, Query) else items)]
    if not queries:
        raise ConfigError("a batch of no queries; give at least one, for example dataset.batch([0])")
    for what, values in (
        ("sample rates", {query.sample_rate_hz for query in queries}),
        ("numbers of channels", {query.mixture.shape[0] for query in queries}),
        ("reference channels", {query.reference_channel for query in queries}),
    ):
        if len(values) > 1:
            raise ConfigError(
                f"the queries of a batch have {what} {listed(map(str, sorted(values)))}; give those of one"
            )
    mixtures = [query.mixture.T for query in queries]
    padded = pad_sequence(mixtures, batch_first=True).transpose(1, 2).contiguous()
    return QueryBatch(
        ids=tuple(query.id for query in queries),
        mixture=padded.to(device),
        lengths=torch.tensor([len(mixture) for mixture in mixtures], device=device),
        sample_rate_hz=queries[0].sample_rate_hz,
        clues=tuple(
            replace(
                query.clues,
                enrollments=tuple(signal.to(device) for signal in query.clues.enrollments),
                video=None if query.clues.video is None else query.clues.video.to(device),
            )
            for query in queries
        ),
        seeds=tuple(query.seed for query in queries),
        reference_channel=queries[0].reference_channel,
    )


def query_at(query: Query, rate_hz: int | None) -> Query:
    """The query at another sample rate; itself if the rate is None or its own. A video keeps its pictures."""
    if rate_hz is None or rate_hz == query.sample_rate_hz:
        return query
    enrollments = tuple(resampled(signal, query.sample_rate_hz, rate_hz) for signal in query.clues.enrollments)
    return replace(
        query,
        mixture=resampled(query.mixture, query.sample_rate_hz, rate_hz),
        sample_rate_hz=rate_hz,
        clues=replace(query.clues, enrollments=enrollments),
    )


def query_of(query: Query, channels: int | Literal["any"]) -> Query:
    """The query as a system of so many channels takes it: of a system of one the reference channel alone."""
    if channels != 1 or query.mixture.shape[0] == 1:
        return query
    return replace(query, mixture=channel_of(query.mixture, query.reference_channel)[None], reference_channel=0)


def channel_of(signal: Array, channel: int) -> Array:
    """One channel [T] of a signal [C, T]; the only one of a signal that has one."""
    return signal[channel if len(signal) > 1 else 0]


def resampled(samples: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Resample a tensor [..., T] on the CPU."""
    import torch  # noqa: PLC0415 - see `collate`

    return torch.from_numpy(resample(samples.cpu().numpy(), from_hz=from_hz, to_hz=to_hz))


def _query(item: object) -> Query:
    found = item[0] if isinstance(item, tuple) and item else item
    if not isinstance(found, Query):
        raise ConfigError(
            f"a batch is made of queries, and of items of a dataset, not of {type(found).__name__}; "
            "write for example tsebench.collate([dataset[0], dataset[1]])"
        )
    return found
