"""Torch files of all kinds are opened safely, or refused in one line before anything of their size is made."""

from __future__ import annotations

import io
import os
import pickle
import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tsebench.core.errors import CheckpointError
from tsebench.systems.checkpoints.archive import load_archive
from tsebench.systems.checkpoints.weights import weights_of

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")

WANTED = "give weights"
TERA = 1 << 40


def saved(content: object, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def opened(content: bytes) -> dict[str, torch.Tensor]:
    return weights_of(load_archive(content, where="file 'x'", wanted=WANTED), where="file 'x'", wanted=WANTED)


def rezipped(content: bytes, change: Callable[[str, bytes], bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A torch archive with its records changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return buffer.getvalue()


def with_pickle(data: bytes) -> bytes:
    return rezipped(saved({"w": torch.ones(4)}), lambda name, old: data if name.endswith("data.pkl") else old)


def reference(numbers: int) -> bytes:
    """A persistent reference to storage "0" that claims so many numbers."""
    count = b"\x8a\x08" + numbers.to_bytes(8, "little")
    return b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0000X\x03\0\0\0cpu" + count + b"tQ"


def hand_made(numbers: int, size: bytes, stride: bytes) -> bytes:
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference(numbers) + b"K\0" + size + stride
    return b"\x80\x02}X\x01\0\0\0w" + tensor + b"\x89ccollections\nOrderedDict\n)RtRs."


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little")


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def holding_itself() -> object:
    value: list[object] = []
    value.append(value)
    return value


def laughs(levels: int) -> object:
    value: object = ["ha"] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made",)


class Sized:
    """A call that makes a value of a size that is only named."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return self.kind, (TERA,)


def many_views() -> dict[str, torch.Tensor]:
    base = torch.zeros(1000)
    return {f"v{k}": base[:] for k in range(100)}


def script() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/x.py"):
            archive.writestr(f"net/{name}", b"\x80\x02}.")
    return buffer.getvalue()


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", b"<a/>")
    return buffer.getvalue()


ONES = torch.ones(4)
QUANTISED = b"ctorch._utils\n_rebuild_qtensor\n)R"
KINDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "float8": (lambda: saved({"w": ONES.to(torch.float8_e4m3fn)}), "'w' is a float8_e4m3fn tensor"),
    "complex": (lambda: saved({"w": ONES.to(torch.complex64)}), "'w' is a complex64 tensor"),
    "sparse": (lambda: saved({"w": ONES.to_sparse()}), "holds a sparse tensor"),
    "sparse, huge": (
        lambda: saved({"w": torch.sparse_coo_tensor(torch.zeros(1, 1).long(), torch.ones(1), (TERA,))}),
        "holds a sparse tensor",
    ),
    "csr": (lambda: saved({"w": torch.eye(3).to_sparse_csr()}), "holds a sparse tensor"),
    "quantised": (lambda: with_pickle(b"\x80\x02}X\x01\0\0\0w" + QUANTISED + b"s."), "holds a quantised tensor"),
    "meta": (lambda: saved({"w": torch.ones(TERA, device="meta")}), "holds a tensor without data"),
    "expanded": (lambda: saved({"w": torch.zeros(1).expand(TERA)}), r"claims the shape \[1099511627776\]"),
    "expanded, legacy": (lambda: saved({"w": torch.zeros(1).expand(TERA)}, zipped=False), "claims the shape"),
    "expanded parameter": (
        lambda: saved({"w": torch.nn.Parameter(torch.zeros(1).expand(TERA))}),
        "claims the shape",
    ),
    "storage of 4 TB": (
        lambda: with_pickle(hand_made(TERA, number(TERA) + b"\x85", b"K\x01\x85")),
        "claims 4398046511104 bytes, but the file has 16",
    ),
    "storage one too long": (
        lambda: with_pickle(hand_made(5, b"K\x05\x85", b"K\x01\x85")),
        "claims 20 bytes, but the file has 16",
    ),
    "negative size": (
        lambda: with_pickle(hand_made(4, b"\x8a\x01\xff\x85", b"K\x01\x85")),
        "no shape of whole numbers",
    ),
    "stride out of the storage": (
        lambda: with_pickle(hand_made(4, b"K\x04\x85", b"K\x09\x85")),
        "damaged or cut short",
    ),
    "views without end": (
        lambda: saved({f"w{k}": torch.zeros(1000).as_strided((1000,), (1,)) for k in range(3)} | many_views()),
        "its tensors hold",
    ),
    "NaN": (lambda: saved({"w": torch.tensor([1.0, torch.nan])}), "'w' holds NaN or inf"),
    "list": (lambda: saved({"w": [1.0]}), "entry 'w' is a list, not a tensor"),
    "number as name": (lambda: saved({3: ONES}), "entry 3 is a Tensor"),
    "long name": (lambda: saved({"w" * 1_000_000: [1]}), "is a list, not a tensor"),
    "empty": (lambda: saved({}), "no state dictionary"),
    "single tensor": (lambda: saved(ONES), "no state dictionary"),
    "deep": (lambda: saved({"w": nested(200)}), "nested deeper than 100 levels"),
    "very deep": (lambda: with_pickle(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."), "nested deeper"),
    "deep key": (lambda: with_pickle(b"\x80\x02}K\0" + b"\x85" * 200_000 + b"K\x01s."), "has a tuple as key"),
    "holds itself": (lambda: saved({"w": holding_itself()}), "holds itself"),
    "laughs": (lambda: saved({"w": laughs(30)}), "too many"),
    "memo": (lambda: with_pickle(b"\x80\x02Nr\xff\xff\xff\xff."), "no state dictionary"),
    "hostile": (lambda: saved({"w": Hostile()}), r"needs '\w+.mkdir' .*nothing in it was run"),
    "hostile, legacy": (lambda: saved({"w": Hostile()}, zipped=False), r"needs '\w+.mkdir' .*nothing in it was run"),
    "bytearray": (lambda: saved({"w": Sized(bytearray)}), "makes values of any size"),
    "tensor": (lambda: saved({"w": Sized(torch.Tensor)}), "makes values of any size"),
    "module": (lambda: saved(torch.nn.Linear(2, 2)), "pickled object of class 'torch.nn.modules.linear.Linear'"),
    "pickle": (lambda: pickle.dumps({"w": 1}, protocol=2), "is a Python pickle"),
    "pickle of a class": (lambda: pickle.dumps(Path("x")), "is a Python pickle .*PosixPath"),
    "bomb": (
        lambda: rezipped(
            saved({"w": ONES}), lambda name, old: b"\0" * 50_000_000 if name.endswith("/0") else old,
            method=zipfile.ZIP_DEFLATED,
        ),
        "is compressed or encrypted",
    ),
    "cut": (lambda: saved({"w": ONES})[:-40], "damaged or cut short|not where it should be"),
    "two tables": (lambda: b"PK\x03\x04" + saved({"w": ONES}), "not where it should be|damaged"),
    "script": (script, "is a TorchScript model"),
    "other zip": (other_zip, "is a zip archive, but not a torch archive"),
    "safetensors": (lambda: (2).to_bytes(8, "little") + b"{}", "is a safetensors file"),
    "text": (lambda: b"Not Found", "is a text file"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail an allocation of gigabytes, and keep what a file could make in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (2 << 30), old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, old)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_refused_in_one_line(kind: str) -> None:
    make, message = KINDS[kind]
    with pytest.raises(CheckpointError, match=message) as caught:
        opened(make())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_of_every_plain_kind_are_opened(zipped: bool) -> None:
    base = torch.arange(6.0)
    state = {
        "f": base, "half": base.half(), "bf": base.bfloat16(), "n": torch.tensor(3), "b": torch.tensor([True]),
        "view": base[2:4], "transposed": base.reshape(2, 3).t(), "none": torch.zeros(0), "p": torch.nn.Parameter(base),
        "tied": base,
    }  # fmt: skip
    found = opened(saved(state, zipped=zipped))
    assert set(found) == set(state)
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_the_prefix_of_dataparallel_is_taken_off() -> None:
    net = torch.nn.DataParallel(torch.nn.Linear(2, 2))
    assert set(opened(saved(net.state_dict()))) == {"weight", "bias"}
    assert set(opened(saved({"module.a": ONES, "b": ONES}))) == {"module.a", "b"}
    for wrapped in ("_orig_mod.", "_orig_mod.module.", "module._orig_mod.module."):
        assert set(opened(saved({f"{wrapped}a": ONES, f"{wrapped}module.b": ONES}))) == {"a", "module.b"}
