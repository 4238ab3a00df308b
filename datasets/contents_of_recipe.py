"""What the mixtures of a recipe can hold, before any is drawn: for networks trained on a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from ..core.errors import AudioError
from .config import OpenedBuilder
from .contents import Contents, parts_of, short, title_of
from .manifest import clips_of
from .missing import FileKey
from .protocols.builder import BuildContext, Pool, Selection, open_pool

MOST_HASHED = 50_000
"""Of more recordings than these only the parts and speakers are told; hashing reads them all."""

_DRAWN = 100


def contents_of_recipe(opened: OpenedBuilder) -> Contents:
    """All recordings that selections of a recipe name, whether or not training drew each of them.

    A recipe without selections follows a list, such as LibriMix; of such a set only the parts are
    told, which some draws show.

    Raises:
        CorpusError: a corpus is missing or damaged.
    """
    pools = list(_pools(opened))
    keys = sorted({(p.corpus, r.path) for p in pools for some in p.by_label.values() for r in some})
    config = opened.config
    if not keys:
        return Contents(parts=parts_of(_drawn(opened), config.corpora, opened.corpora))
    splits = {
        f"{title_of(p.corpus, config.corpora[p.corpus])}:{r.split}"
        for p in pools
        for some in p.by_label.values()
        for r in some
    }
    speakers = {
        f"{title_of(p.corpus, config.corpora[p.corpus])}:{label}" for p in pools for label in p.labels
    }
    return Contents(
        parts=tuple(sorted(splits)),
        recordings=_hashes(opened, keys) if len(keys) <= MOST_HASHED else (),
        speakers=() if opened.builder.vocabulary else tuple(sorted(speakers)),
    )


def _pools(opened: OpenedBuilder) -> Iterator[Pool]:
    """The recordings of every selection among a recipe's parameters."""
    config = opened.config
    context = BuildContext(
        name=config.name, version=config.version, seed=config.seed, split=config.split, corpora=opened.corpora
    )
    for key, value in config.params.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            selection = _selection(item, opened)
            if selection is None:
                continue
            yield open_pool(selection, context)
            # Few-shot sets take the known clips of the new classes from another split.
            if key == "new" and config.params.get("shots_split"):
                split = {"split": config.params["shots_split"]}
                yield open_pool(selection.model_copy(update=split), context)


def _selection(value: object, opened: OpenedBuilder) -> Selection | None:
    if not isinstance(value, Mapping) or value.get("corpus") not in opened.corpora:
        return None
    try:
        return Selection.model_validate(dict(value))
    except ValidationError:
        return None


def _drawn(opened: OpenedBuilder) -> set[FileKey]:
    """Recordings of some mixtures, evenly spread over the list."""
    count = opened.builder.count
    keys: set[FileKey] = set()
    for place in range(min(count, _DRAWN)):
        try:
            drawn = opened.builder.draw(place * count // min(count, _DRAWN))
        except AudioError:  # a recording of this mixture is missing
            continue
        keys |= {(clip.corpus, clip.path) for clip in clips_of([drawn.mixture], drawn.trials)}
    return keys


def _hashes(opened: OpenedBuilder, keys: list[FileKey]) -> tuple[str, ...]:
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda key: opened.corpora[key[0]].digest(key[1]), keys)
        return tuple(sorted({short(found) for found in hashes}))
