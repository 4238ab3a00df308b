"""Columns of text as numbers: dictionaries of Arrow tables and categories of pandas frames, in alphabetical order.

Rows repeat few texts, and to sort, group and take their numbers is far quicker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

CODED = pa.dictionary(pa.int32(), pa.string())
"""Type of a column of text in a coded table."""

_MOST_PLACES = 2**62
_ROOM = 8  # numbers for each row, of which tables are made


def encoded(table: pa.Table) -> pa.Table:
    """The table with columns of text as dictionaries."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place).dictionary_encode()
            table = table.set_column(place, field.with_type(CODED), column)
    return table


def decoded(table: pa.Table) -> pa.Table:
    """The table with dictionaries of text as columns of text."""
    fields = (f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in table.schema)
    return table.cast(pa.schema(fields))


def recoded(table: pa.Table) -> pa.Table:
    """The table with dictionaries of the texts that are there alone, in the order of the rows."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(place).cast(pa.string()).dictionary_encode()
            table = table.set_column(place, field.with_type(CODED), column)
    return table


def in_order(columns: dict[str, pa.ChunkedArray]) -> pa.Table:
    """Columns as a table in one chunk, with one dictionary for each coded column, in alphabetical order.

    They are taken out of the argument one by one, so that no more than one is in memory twice.
    """
    found = {name: _in_order(columns.pop(name)) for name in list(columns)}
    return pa.table(found)


def _in_order(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    whole = column.combine_chunks()
    if not pa.types.is_dictionary(column.type) or not len(whole):
        return whole
    order = pc.array_sort_indices(whole.dictionary).to_numpy()
    ranks = np.empty(len(order), np.min_scalar_type(-max(1, len(order))))  # small, as pandas has them
    ranks[order] = np.arange(len(order))
    indices = pc.take(pa.array(ranks), whole.indices)
    return pa.DictionaryArray.from_arrays(indices, whole.dictionary.take(pa.array(order)))


def permuted(columns: dict[str, pa.ChunkedArray], order: NDArray[np.int64]) -> pa.Table:
    """All rows of an ordered table in another order; a column of one text stays as it is.

    The columns are taken out of the argument one by one, as by `in_order`.
    """
    rows = pa.array(order)
    return pa.table({name: _permuted(columns.pop(name).chunk(0), rows) for name in list(columns)})


def _permuted(column: pa.Array, order: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type) and len(column.dictionary) == 1 and not column.null_count:
        return column
    return column.take(order)


def places(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    """Numbers [N] that order the rows of an ordered table as some columns do, and are equal where these are."""
    found = np.zeros(table.num_rows, np.int64)
    for name in names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            codes = np.concatenate([np.zeros(0, np.int8), *(chunk.indices.to_numpy() for chunk in column.chunks)])
            count = len(column.chunk(0).dictionary) if column.num_chunks else 0
        else:
            codes = column.to_numpy()
            count = int(codes.max(initial=0)) + 1
        if (int(found.max(initial=0)) + 1) * (count + 1) > _MOST_PLACES:
            found = np.unique(found, return_inverse=True)[1].astype(np.int64)
        found = found * count + codes
    return found


def row_numbers(rows: pd.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """Numbers [N] of the rows of a frame, from 0 on, that are equal where some columns are: at most 8 N of them."""
    found, size = np.zeros(len(rows), np.int64), 1
    for name in names:
        codes, count = _codes(rows[name])
        found, size = found * count + codes, size * count
        if size > _ROOM * len(rows):
            found, known = pd.factorize(found)
            size = len(known)
    return found


def distinct(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Some columns of the first of the rows that are equal in them; as `drop_duplicates`, quicker for coded texts."""
    numbers = row_numbers(rows, names)
    first = np.full(numbers.max(initial=-1) + 1, -1, np.int64)
    first[numbers[::-1]] = np.arange(len(rows))[::-1]
    return rows[[*names]].iloc[np.sort(first[first >= 0])]


def _codes(column: pd.Series) -> tuple[NDArray[np.int64], int]:
    """A number for each value of a column, and how many there may be; missing values are equal."""
    if not _is_coded(column):
        codes, values = pd.factorize(column, use_na_sentinel=False)
        return codes.astype(np.int64), max(1, len(values))
    missing = int(column.isna().any())
    return np.asarray(column.cat.codes, np.int64) + missing, max(1, len(column.cat.categories) + missing)


def coded(rows: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The rows with some columns as categories in alphabetical order; columns that hold no text stay."""
    found = {}
    for name in names:
        if name in rows and not _is_coded(rows[name]) and pd.api.types.infer_dtype(rows[name], skipna=True) == "string":
            codes, values = pd.factorize(rows[name], sort=True)
            found[name] = pd.Categorical.from_codes(codes, pd.Index(values))
    return rows.assign(**found) if found else rows


def uncoded(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with texts instead of categories."""
    return rows.astype({name: object for name in rows.columns if _is_coded(rows[name])})


def renamed(column: pd.Series, name: Callable[[str], str]) -> pd.Series:
    """A column of text or of categories with other texts, as categories in alphabetical order."""
    column = column if _is_coded(column) else column.astype("category")
    texts = [name(str(text)) for text in column.cat.categories]
    kept = sorted(set(texts))
    places = np.array([*map(kept.index, texts), -1], np.int64)  # code -1: missing
    codes = places[column.cat.codes.to_numpy()]
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(kept, dtype=object)), index=column.index)


def _is_coded(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def alike(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Coded frames with the same categories in columns of one name, so that these can be compared."""
    names = {str(n) for frame in frames for n in frame.columns if _is_coded(frame[n])}
    for name in sorted(names):
        known = sorted({text for frame in frames if name in frame for text in frame[name].cat.categories})
        frames = [
            frame.assign(**{name: frame[name].cat.set_categories(known)}) if name in frame else frame
            for frame in frames
        ]
    return list(frames)
