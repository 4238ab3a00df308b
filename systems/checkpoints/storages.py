"""Sizes of the tensors that a torch file claims, against the bytes that it has for them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...core.errors import CheckpointError
from .outline import Call, Name, Outline, OutlineError, StorageReference

_BYTES = {
    "ComplexDouble": 16,
    "ComplexFloat": 8,
    "Double": 8,
    "Long": 8,
    "Float": 4,
    "Int": 4,
    "QInt32": 4,
    "BFloat16": 2,
    "Half": 2,
    "Short": 2,
}
_TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"}
_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without data (of the device meta)",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of a device that is not here",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of a device that is not here",
}
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
# Calls of these make values of a size that the file only names.
_SIZED = ("torch.Tensor", "torch.storage.", "torch.UntypedStorage", "builtins.bytearray", "__builtin__.bytearray")
# Tied weights and views are there, but a file of 1 MB must not make 1 GB of work.
_MOST_SHARING = 8


def check_storages(
    found: Outline, *, where: str, sizes: Mapping[str, int] | None, most_bytes: int | None = None
) -> None:
    """Refuse tensors that claim more than the file has, or that are no plain tables of numbers.

    Args:
        sizes: bytes of each storage; None if only their sum is known.
        most_bytes: of all storages together; None if `sizes` are given.

    Raises:
        CheckpointError: a kind of tensor that is not opened here.
        OutlineError: a claim is not true.
    """
    claimed = {id(reference): _claim(reference) for reference in found.references}
    by_key = {key: numbers * size for key, numbers, size in claimed.values()}
    numbers_by_key = {key: numbers for key, numbers, _ in claimed.values()}
    for key, numbers, size in claimed.values():
        there = most_bytes if sizes is None else sizes.get(key)
        if there is None or numbers * size > there:
            raise OutlineError(f"its storage {key[:40]!r} claims {numbers * size} bytes, but the file has {there or 0}")
    if most_bytes is not None and sum(by_key.values()) > most_bytes:
        raise OutlineError(f"its storages claim {sum(by_key.values())} bytes, but the file has {most_bytes}")
    held = sum(numbers_by_key.values())
    total = sum(_elements(call, claimed, where=where) for call in found.calls)
    if total > _MOST_SHARING * max(1, held):
        raise OutlineError(f"its tensors hold {total} numbers where the file has {held}")


def _claim(reference: StorageReference) -> tuple[str, int, int]:
    """Key, number of elements and bytes of each element of a storage."""
    given = reference.id
    if isinstance(given, tuple) and len(given) in (5, 6) and given[0] == "storage":
        kind, key, numbers = given[1], given[2], given[4]
        if isinstance(kind, Name) and isinstance(key, str) and type(numbers) is int and numbers >= 0:
            name = kind.path.rpartition(".")[2].removesuffix("Storage")
            return key, numbers, _BYTES.get(name, 1)
    raise OutlineError("it refers to data that is no storage of a tensor")


def _elements(call: Call, claimed: Mapping[int, tuple[str, int, int]], *, where: str) -> int:
    """Number of elements of a tensor that a call makes; 0 if it makes none."""
    function, arguments = call.function, call.arguments
    path = function.path if isinstance(function, Name) else "?"
    if call.state is not None and path.startswith(("torch._utils.", "torch._tensor.")):
        raise OutlineError("a tensor in it is changed after it was made")
    if path == _FROM_TYPE and isinstance(arguments, tuple) and len(arguments) > 2:
        return _elements(Call(arguments[0], arguments[2]), claimed, where=where)
    if path in _OTHER_TENSORS:
        raise CheckpointError(f"{where} holds {_OTHER_TENSORS[path]}; save plain tensors of its numbers instead")
    if path.startswith(_SIZED) and not path.startswith("torch.storage._"):
        raise OutlineError(f"it calls {path!r}, which makes values of any size")
    if path not in _TENSORS:
        return 0
    if not isinstance(arguments, tuple) or len(arguments) < 4 or id(arguments[0]) not in claimed:
        raise OutlineError("a tensor in it has no storage")
    size = arguments[2]
    size = size.arguments[0] if isinstance(size, Call) and isinstance(size.arguments, tuple) else size
    if not isinstance(size, tuple | list) or not all(type(n) is int and n >= 0 for n in size):
        raise OutlineError("a tensor in it has no shape of whole numbers")
    _, numbers, item = claimed[id(arguments[0])]
    elements = math.prod(size)
    if elements > numbers:
        shape = str(list(size))[:60]
        raise OutlineError(f"a tensor in it claims the shape {shape}, but its storage holds {numbers * item} bytes")
    return elements
