"""A builder: two recordings of different labels at equal gain, one of them asked for by an enrollment."""

from __future__ import annotations

from tsebench.datasets.protocols.builder import (
    BUILDERS,
    BuildContext,
    Count,
    Drawn,
    Selection,
    enrollment_clips,
    open_pool,
)
from tsebench.datasets.seeding import generator
from tsebench.datasets.types import Clip, ClueSpec, Condition, Mixture, Source, Trial


@BUILDERS.register("example_pairs")
class ExamplePairs:
    """Pairs of recordings with one trial for each of the two.

    Args:
        sounds: the recordings.
        count: number of mixtures.
        gain: of both sources.
    """

    vocabulary: tuple[str, ...] = ()

    def __init__(self, *, context: BuildContext, sounds: Selection, count: Count, gain: float = 0.5) -> None:
        self.count, self.sample_rate_hz = count, 8000
        self._context, self._gain = context, gain
        self._pool = open_pool(sounds, context)

    def draw(self, index: int) -> Drawn:
        """Recipe and trials of mixture `index`."""
        mixture_id = self._context.mixture_id(index)
        rng = generator(*self._context.key(mixture_id))
        labels = rng.choice(self._pool.labels, size=2, replace=False)
        recordings = [self._pool.pick(str(label), rng) for label in labels]
        sources = tuple(
            Source(
                id=f"s{number}",
                label=recording.label,
                role="foreground",
                clip=Clip(corpus=self._pool.corpus, path=recording.path, start=0, frames=recording.frames),
                gain=self._gain,
            )
            for number, recording in enumerate(recordings, 1)
        )
        mixture = Mixture(
            id=mixture_id,
            sample_rate_hz=self.sample_rate_hz,
            num_samples=min(recording.frames for recording in recordings),
            sources=sources,
        )
        return Drawn(mixture=mixture, trials=tuple(self._trial(mixture, source) for source in sources))

    def _trial(self, mixture: Mixture, target: Source) -> Trial:
        clips = enrollment_clips(
            self._pool,
            target.label,
            used=[source.clip for source in mixture.sources],
            rng=generator(*self._context.key(mixture.id), "enrollment", target.id),
            count=1,
            max_s=1.0,
        )
        return Trial(
            id=f"{mixture.id}_{target.id}",
            mixture_id=mixture.id,
            clue=ClueSpec(enrollments=clips),
            target_ids=(target.id,),
            condition=Condition(n_active=1, n_inactive=0),
            cluster=mixture.id,
        )
