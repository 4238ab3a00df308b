"""Files that are no models are named as what they are."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from tsebench.core.file_kinds import HEAD, file_kind


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"))
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 20480000\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"\x08", None),
        (b"\0" * 100, "a file of zero bytes"),
        (LFS, "a Git-LFS pointer"),
        (b"/annex/objects/SHA256E-s12--ab.pth\n", "a git-annex pointer"),
        (b"<!DOCTYPE html><html><title>Sign in \x1b[31m</title>", "a web page ('Sign in [31m'"),
        (b"\xef\xbb\xbf\n <HTML lang=en>", "a web page (download"),
        (b"<!-- saved from url -->\n<html>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "an XML file"),
        (b'{"error": "not found"}', "a JSON file"),
        (b"[1, 2", "a text file"),
        (b"name: x\nlr: 0.1\n", "a YAML file"),
        (b"Entry not found", "a text file"),
        ("Größe é".encode(), "a text file"),
        (b" \n\t", "a file of blanks"),
        ((300).to_bytes(8, "little") + b'{"a":{"dtype":"F32"', "a safetensors file"),
        (b"\x08\x08\x12\x07pytorch\x1a\x05", "an ONNX file"),
        (b"\x08\x0a:\x2b\x0a\x05pytorch", "an ONNX file"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (tar(), "a tar archive"),
        (zipped(), "a zip archive"),
        (("é" * HEAD).encode()[1:], None),
        (b"\x01\x02\xff\xfe", None),
    ],
)
def test_kinds(content: bytes, kind: str | None) -> None:
    found = file_kind(content[:HEAD])
    assert found == kind if kind is None else str(found).startswith(kind)
    assert found is None or (found.isprintable() and len(found) < 150)
