"""Outlines of pickles: the classes, values and tensors that a pickle would make, without making any of them.

A pickle is a program for a stack machine. This one follows it by the standard library's decoder of its instructions;
what would be called or imported becomes an inert record. Memory is in proportion to the pickle's bytes.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

MOST_DEEP = 100
MOST_VALUES = 5_000_000


class OutlineError(Exception):
    """A pickle is damaged, or is not of the kind that torch writes; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A class or function that the pickle names."""

    path: str  # such as "torch.FloatStorage"


@dataclass(slots=True, eq=False)
class Call:
    """A value that the pickle makes by calling `function`; not called."""

    function: object  # a Name in every honest file
    arguments: object
    state: object = None
    items: dict[Any, Any] = field(default_factory=dict)  # set on it as on a table
    elements: list[object] = field(default_factory=list)  # added to it as to a list or a set


@dataclass(frozen=True, slots=True, eq=False)
class StorageReference:
    """Data outside the pickle, by its persistent id; torch's tensors have theirs there."""

    id: object


@dataclass(frozen=True, slots=True)
class Outline:
    """Objects that one pickle would make."""

    root: object
    names: tuple[str, ...]  # classes and functions, in order of appearance
    calls: tuple[Call, ...]
    references: tuple[StorageReference, ...]


_MARK = Name("mark")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_EMPTY: dict[str, Callable[[], object]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
_NOTHING = {"PROTO", "FRAME", "STOP"}
_FOREIGN = {"INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"}  # never in torch's files


class _Machine:
    """Stack and memo of a pickle that is followed."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: list[Name] = []
        self.calls: list[Call] = []
        self.references: list[StorageReference] = []

    def step(self, opcode: str, argument: Any) -> None:
        """Follow one instruction."""
        handler = getattr(self, f"_on_{opcode.lower()}", None)
        if handler is not None:
            handler(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            self.stack.append(_EMPTY[opcode]())
        elif opcode in _TUPLES:
            count = _TUPLES[opcode]
            self.stack.append(tuple(self._pop() for _ in range(count))[::-1])
        elif opcode.endswith("GET"):
            self.stack.append(self.memo[int(argument)])
        elif opcode.endswith("PUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif opcode in _FOREIGN:
            raise OutlineError(f"it has the instruction {opcode}, which torch does not write")
        elif opcode not in _NOTHING:
            self.stack.append(argument)

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise OutlineError("its stack is out of order")
        return value

    def _since_mark(self) -> list[Any]:
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:
            if start == 0:
                raise OutlineError("its stack is out of order")
            start -= 1
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def _name(self, module: object, name: object) -> None:
        self.names.append(Name(f"{module}.{name}"))
        self.stack.append(self.names[-1])

    def _call(self, function: object, arguments: object) -> None:
        self.calls.append(Call(function, arguments))
        self.stack.append(self.calls[-1])

    def _on_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _on_pop(self, _: Any) -> None:
        self.stack.pop()

    def _on_pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _on_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _on_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _on_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _on_list(self, _: Any) -> None:
        self.stack.append(self._since_mark())

    def _on_frozenset(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _on_dict(self, _: Any) -> None:
        values = self._since_mark()
        table: dict[Any, Any] = {}
        self._set(table, values)
        self.stack.append(table)

    def _on_append(self, _: Any) -> None:
        value = self._pop()
        self._add([value])

    def _on_appends(self, _: Any) -> None:
        self._add(self._since_mark())

    _on_additems = _on_appends

    def _on_setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set(self.stack[-1], [key, value])

    def _on_setitems(self, _: Any) -> None:
        values = self._since_mark()
        self._set(self.stack[-1], values)

    def _on_global(self, argument: Any) -> None:
        self._name(*argument.split(" ", 1))

    def _on_stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self._name(module, name)

    def _on_reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._call(function, arguments)

    _on_newobj = _on_reduce

    def _on_newobj_ex(self, _: Any) -> None:
        named, arguments, function = self._pop(), self._pop(), self._pop()
        self._call(function, (arguments, named))

    def _on_build(self, _: Any) -> None:
        state, made = self._pop(), self.stack[-1]
        if isinstance(made, Call):
            made.state = state

    def _on_persid(self, argument: Any) -> None:
        self.references.append(StorageReference(argument))
        self.stack.append(self.references[-1])

    def _on_binpersid(self, _: Any) -> None:
        self._on_persid(self._pop())

    def _add(self, values: list[Any]) -> None:
        place = self.stack[-1]
        target = place.elements if isinstance(place, Call) else place
        if not isinstance(target, list):
            raise OutlineError("it adds elements to what is no list")
        target.extend(values)

    @staticmethod
    def _set(place: object, values: list[Any]) -> None:
        target = place.items if isinstance(place, Call) else place
        if not isinstance(target, dict) or len(values) % 2:
            raise OutlineError("it sets keys of what is no table")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Hashing a deeply nested tuple would exhaust Python's stack.
            if not isinstance(key, str | int | float | bytes | Name | None):
                raise OutlineError(f"a table has a {type(key).__name__.lower()} as key")
            target[key] = value


def outline(file: IO[bytes]) -> Outline:
    """Follow the pickle at the position of a file up to its end, where the file is left.

    Raises:
        OutlineError: it is damaged, of a kind that torch does not write, nested too deeply or holding itself.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            machine.step(opcode.name, argument)
        root = machine.stack[-1]
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise OutlineError(f"it is damaged or cut short ({type(error).__name__})") from None
    _check_size(root)
    names = tuple(dict.fromkeys(name.path for name in machine.names))
    return Outline(root, names, tuple(machine.calls), tuple(machine.references))


def parts(value: object) -> Iterator[object]:
    """Values directly inside a value of an outline."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, Call):
        yield from (value.function, value.arguments, value.state, value.items, value.elements)
    elif isinstance(value, StorageReference):
        yield value.id


def _check_size(root: object) -> None:
    """Refuse values that hold themselves, that are nested deeply, or that shared parts make enormous to print."""
    sizes: dict[int, tuple[int, int]] = {}  # number of values inside and levels, by id
    path: set[int] = set()
    stack = [(root, False)]
    while stack:
        value, left = stack.pop()
        inside = [part for part in parts(value) if isinstance(part, dict | list | tuple | Call | StorageReference)]
        if left:
            path.discard(id(value))
            counts = [sizes[id(part)] for part in inside]
            size = 1 + sum(1 for _ in parts(value)) + sum(count for count, _ in counts)
            depth = 1 + max((levels for _, levels in counts), default=0)
            if depth > MOST_DEEP or size > MOST_VALUES:
                raise OutlineError(f"its values are nested deeper than {MOST_DEEP} levels, or too many")
            sizes[id(value)] = size, depth
        elif id(value) not in sizes:
            if id(value) in path:
                raise OutlineError("a value in it holds itself")
            path.add(id(value))
            stack.append((value, True))
            stack.extend((part, False) for part in inside)
