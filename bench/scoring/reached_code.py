"""The part of a module that a class or a function can reach."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def reached(tree: ast.AST, name: str) -> Iterator[ast.AST]:
    """Top-level statements of a module that define `name`, and all names that these use in turn.

    A script that also trains or plots reads other files than its model does.
    """
    statements: list[ast.stmt] = tree.body if isinstance(tree, ast.Module) else []
    defined: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        for found in _defined(statement):
            defined.setdefault(found, []).append(statement)
    waiting, seen = [name], {name}
    while waiting:
        for statement in defined.get(waiting.pop(), ()):
            yield statement
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - seen
            seen |= used
            waiting += used


def _defined(statement: ast.AST) -> Iterator[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
