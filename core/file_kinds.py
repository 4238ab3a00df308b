"""Kinds of files, recognised by their first bytes: what a user gave in place of a model."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

HEAD = 4096
"""Number of first bytes that `file_kind` needs."""

_LFS = "a Git-LFS pointer (`git lfs pull`, where it came from, fetches the file itself)"
_ANNEX = "a git-annex pointer (`git annex get`, where it came from, fetches the file itself)"
_ZEROS = "a file of zero bytes, as a download that broke off leaves it"
_STARTS = (
    (b"version https://git-lfs.github.com/", _LFS),
    (b"/annex/objects/", _ANNEX),
    (b"\x1f\x8b", "a gzip archive (unpack it)"),
    (b"BZh", "a bzip2 archive (unpack it)"),
    (b"\xfd7zXZ\x00", "an xz archive (unpack it)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it)"),
    (b"Rar!\x1a\x07", "a RAR archive (unpack it)"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive (unpack it)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF file, as llama.cpp reads it"),
    (b"lmgg", "a GGML file, as whisper.cpp reads it"),
    (b"RIFF", "a RIFF file, such as a WAV recording"),
    (b"fLaC", "a FLAC recording"),
    (b"ID3", "an MP3 recording"),
    (b"OggS", "an Ogg recording"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"PAR1", "a Parquet file"),
    (b"\x7fELF", "a program"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
)
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|title)\b", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_PAGE_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_PRODUCERS = (b"pytorch", b"onnx", b"tf2onnx", b"keras2onnx", b"skl2onnx", b"paddle2onnx")


def file_kind(head: bytes) -> str | None:
    """Kind of a file, as a noun with an article, by its first `HEAD` bytes; None if it is not recognised.

    A torch archive is "a zip archive" here.
    """
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return _ZEROS
    by_start = next((kind for start, kind in _STARTS if head.startswith(start)), None)
    return by_start or _binary_kind(head) or _text_kind(head)


def stand_in(head: bytes | str) -> str | None:
    """Kind of a file that lies where another was to be: a pointer of Git LFS or git-annex, a web page, zero bytes."""
    start = head[:HEAD].encode(errors="surrogateescape") if isinstance(head, str) else head[:HEAD]
    kind = file_kind(start) if start else None
    return kind if kind and kind.startswith((_LFS, _ANNEX, "a web page", _ZEROS)) else None


def stand_in_at(path: Path) -> str | None:
    """`stand_in` of a file; None also if it cannot be read."""
    try:
        with path.open("rb") as file:
            return stand_in(file.read(HEAD))
    except (OSError, ValueError):
        return None


def _binary_kind(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head[0] == 0x80 and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return "a Python pickle"
    if _is_safetensors(head):
        return "a safetensors file"
    return _onnx_kind(head)


def _is_safetensors(head: bytes) -> bool:
    """8 bytes of length, then a JSON table."""
    return (
        len(head) > 9 and head[8:10] in {b'{"', b"{}", b"{ ", b"{\n"} and int.from_bytes(head[:8], "little") < 1 << 40
    )


def _onnx_kind(head: bytes) -> str | None:
    """A protobuf whose first field is the version of ONNX's format, followed by the name of the producer."""
    versioned = len(head) > 1 and head[0] == 0x08 and 1 <= head[1] <= 32
    if versioned and (head[2:3] == b"\x12" or any(p in head[:128] for p in _PRODUCERS)):
        return "an ONNX file"
    return None


def _text_kind(head: bytes) -> str | None:
    if _PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        return _page(head)
    try:
        # The last character of a longer file may be cut in the middle.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text):
        return None
    return _format_of(text.lstrip(), whole=len(head) < HEAD)


def _format_of(start: str, *, whole: bool) -> str:
    if start.startswith("<?xml"):
        return "an XML file"
    if start[:1] in {"{", "["} and _may_be_json(start, whole=whole):
        return "a JSON file"
    if re.match(r"(---\s*$|%YAML|[\w. -]+:(\s|$))", start, re.MULTILINE):
        return "a YAML file"
    return "a text file" if start else "a file of blanks"


def _page(head: bytes) -> str:
    found = _PAGE_TITLE.search(head.decode("utf-8", errors="replace"))
    name = " ".join(found[1].split())[:60] if found else ""
    printable = "".join(c for c in name if c.isprintable())
    title = f"{printable!r}; " if printable else ""
    return f"a web page ({title}download the file that it offers)"


def _may_be_json(text: str, *, whole: bool) -> bool:
    if not whole:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
