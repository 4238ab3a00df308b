"""Seeded damage: bytes flipped, cut, moved and inserted; values of JSON and Parquet replaced by unusual ones."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LONG_NUMBER = "\uf8ff long number \uf8ff"  # replaced by 5,000 digits in the text: Python cannot write such a number
NASTY: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 2**31 - 1, 2**31, -(2**31), 2**53, 2**63, 2**64, -(10**18), 10**30, 10**300),
    *(0.5, -0.0, 1e-300, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), LONG_NUMBER),
    *(
        "",
        " ",
        "x" * 2000,
        "9" * 5000,
        "\0",
        "\u202e\x1b[31m",
        "../../etc/passwd",
        "/etc/passwd",
        "é",
        "\U0001f600",
        "a/b",
    ),
    *("nan", "Infinity", "-1", "\ud800", "=1+1", "javascript:alert(1)"),
    *([], {}, [[]], [None], [1, "a"], {"a": 1}, {"": None}, ["x"] * 50),
)
NUMBERS = tuple(
    struct.pack(kind, value)
    for kind, value in [
        *(("<I", n) for n in (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**16)),
        *((">I", n) for n in (1, 2**31 - 1, 2**31, 2**24)),
        *(("<H", n) for n in (0, 1, 0xFFFF, 0x8000)),
        *(("<Q", n) for n in (2**63, 2**64 - 1, 2**40, 2**47)),
        *((">Q", n) for n in (2**40, 2**63 - 1)),
    ]
)
TEXTS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\t",
    b"\r",
    b"&a *a",
    b"[" * 300,
    b"{" * 300,
    b"9" * 5000,
    b"!!int x",
)


def damaged(content: bytes, rng: Random) -> bytes:
    """Bytes after one to three random changes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(data, rng)
    return bytes(data)


def _change(data: bytearray, rng: Random) -> None:
    place = min(rng.randrange(len(data) + 1), rng.choice((len(data), 64, 64, 300)))  # headers are hit often
    length = rng.choice((1, 2, 4, 8, 16, 200))
    kind = rng.randrange(7)
    if kind == 0:
        for _ in range(rng.choice((1, 2, 8))):
            if data:
                data[min(rng.randrange(len(data)), rng.choice((len(data), 64)) if len(data) > 64 else 10**9)] ^= (
                    1 << rng.randrange(8)
                )
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        other = rng.randrange(len(data) + 1)
        data[place:place] = data[other : other + length]
    elif kind == 3:
        number = rng.choice(NUMBERS)
        data[place : place + len(number)] = number
    elif kind == 4:
        data[place:place] = rng.choice((*NUMBERS, *TEXTS))
    elif kind == 5:
        del data[place : place + length]
    else:
        data[place : place + length] = bytes(length)


def changed_json(text: str, rng: Random) -> str:
    """A JSON document in which one to three values are replaced, removed, doubled or nested."""
    value = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _edit(value, rng)
    digits = "9" * 5000
    return json.dumps(value).replace(json.dumps(LONG_NUMBER), digits)


def changed_value(value: Any, rng: Random) -> Any:
    """A copy of plain data in which one value is another."""
    return _edit(copy.deepcopy(value), rng)


def _edit(value: Any, rng: Random) -> Any:
    spots = list(_spots(value))
    if not spots:
        return copy.deepcopy(rng.choice(NASTY))
    holder, key = rng.choice(spots)
    kind = rng.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(("", "new", "x" * 600, "\u202e"))] = holder[key]
    elif kind == 1:
        holder.append(holder[key])
    elif kind == 2:
        deep: Any = holder[key]
        for _ in range(rng.choice((1, 70, 400))):
            deep = rng.choice(([deep], {"a": deep})) if rng.random() < 0.5 else [deep]
        holder[key] = deep
    else:
        holder[key] = copy.deepcopy(rng.choice(NASTY))
    return value


def _spots(value: Any, depth: int = 0) -> Any:
    """Places of values, down to a depth that an earlier edit cannot make too much for this program."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys) if depth < 300 else ():
        yield value, key
        yield from _spots(value[key], depth + 1)


def changed_parquet(path: Path, rng: Random) -> None:
    """A Parquet file with a column of another type, name or content, or other metadata."""
    table = pq.read_table(path)
    index = rng.randrange(len(table.column_names))
    name, count = table.column_names[index], table.num_rows
    kind = rng.randrange(8)
    if kind == 0:
        table = table.drop_columns([name])
    elif kind == 1:
        table = table.rename_columns([rng.choice(("x", "", "value")) if n == name else n for n in table.column_names])
    elif kind == 2:
        table = table.slice(0, rng.choice((0, 1)))
    elif kind == 3 and table.schema.metadata:
        metadata = {key: damaged(text, rng) for key, text in table.schema.metadata.items()}
        table = table.replace_schema_metadata(metadata)
    elif kind == 4 and table.schema.metadata:
        metadata = {key: _json_or_bytes(text, rng) for key, text in table.schema.metadata.items()}
        table = table.replace_schema_metadata(metadata)
    else:
        table = table.set_column(index, name, _column(count, rng))
    pq.write_table(table, path)


def _json_or_bytes(text: bytes, rng: Random) -> bytes:
    try:
        return changed_json(text.decode(), rng).encode("utf-8", "surrogatepass")
    except ValueError:
        return damaged(text, rng)


def _column(count: int, rng: Random) -> pa.Array:
    kinds = [
        pa.array([None] * count),
        pa.array([rng.choice(("", "x", "\u202e", "\0", "ok", "PMQ", "[", '{"a":', "x" * 3000)) for _ in range(count)]),
        pa.array([rng.choice((float("nan"), float("inf"), -1.0, 1e308)) for _ in range(count)]),
        pa.array([rng.choice((0, -1, 2**31 - 1, -(2**31), 2**62)) for _ in range(count)]),
        pa.array([b"\xff\xfe"] * count),
        pa.array([["a"]] * count),
        pa.array([{"a": 1}] * count),
        pa.array([True] * count),
    ]
    if count and rng.random() < 0.15:
        bad = pa.py_buffer(b"\xff" * count)
        offsets = pa.array(range(count + 1), pa.int32()).buffers()[1]
        return pa.Array.from_buffers(pa.string(), count, [None, offsets, bad])
    return rng.choice(kinds)
