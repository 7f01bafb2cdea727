"""Tells whether an imported module is still what its source file says.

Python keeps no copy of a source that it has imported, so what can be seen of it is compared: the
bytecode of functions and methods, literal defaults, literal constants of modules and classes.
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import os
import time
import types
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainbench_audio.hashing.live_code import hash_object

_FOUND_AT = time.time()
_ABSENT = object()
_MOST_WRAPPERS = 100  # around a function; one may be wrapped in itself
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef, ast.Lambda)
_LITERALS = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict, set)


@functools.cache
def process_start() -> float:
    """Return a Unix time before which this process, and those it was forked from, imported nothing.

    Where the system does not say, that is the time at which this module was imported.
    """
    return min([_FOUND_AT, *_started(os.getpid())])


def _started(process: int) -> Iterator[float]:
    """Yield when a process started, and its parents as long as they run the same command."""
    try:
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        ticks = os.sysconf("SC_CLK_TCK")
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        while process and Path(f"/proc/{process}/cmdline").read_bytes() == command:
            # the name of the program stands in brackets and may hold blanks
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            yield boot + int(fields[19]) / ticks
            process = int(fields[1])
    except (OSError, AttributeError, ValueError, IndexError):
        return


def is_as_imported(module: types.ModuleType, source: bytes) -> bool:
    """Return whether a module in memory may have been made from a source.

    Parameters
    ----------
    module : module
        Imported from a Python file.
    source : bytes
        What the file holds now.
    """
    try:
        tree = ast.parse(source)
        code = compile(source, str(module.__file__), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    known: dict[str, set[str]] = {}
    for piece in _code_within(code):
        known.setdefault(piece.co_qualname, set()).add(hash_object(piece))
    for function in _functions(vars(module), vars(module)):
        piece = function.__code__
        if piece.co_filename[:1] == "<":  # made by a dataclass, not written in the file
            continue
        if hash_object(piece) not in known.get(piece.co_qualname, ()):
            return False
    shared = {n for node in ast.walk(tree) if isinstance(node, ast.Global) for n in node.names}
    return _agrees(tree.body, vars(module), shared)


def _code_within(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _code_within(constant)


def _functions(
    namespace: Mapping[str, Any], module: Mapping[str, Any], within: str = ""
) -> Iterator[types.FunctionType]:
    """Yield the functions that a module or class defines, without what decorators put around."""
    members = list(namespace.values())
    for member in list(namespace.values()):  # tables of functions
        members += member.values() if isinstance(member, dict) else ()
        members += member if isinstance(member, list | tuple) else ()
    for member in members:
        if not isinstance(member, type):
            yield from (f for f in _unwrapped(member) if f.__globals__ is module)
        # longer: not the class itself, met as its own member
        elif member.__module__ == module.get("__name__") and _is_longer(member, within):
            yield from _functions(vars(member), module, f"{member.__qualname__}.")


def _is_longer(kind: type, within: str) -> bool:
    return kind.__qualname__.startswith(within) and len(kind.__qualname__) > len(within)


def _unwrapped(member: Any) -> Iterator[types.FunctionType]:
    parts = [member]
    if isinstance(member, property):
        parts = [member.fget, member.fset, member.fdel]
    elif isinstance(member, functools.cached_property):
        parts = [member.func]
    for part in parts:
        inner = part
        for _ in range(_MOST_WRAPPERS):
            # not what `__getattr__` makes: `unittest.mock.call` has every attribute
            if inspect.getattr_static(inner, "__wrapped__", _ABSENT) is _ABSENT:
                break
            inner = inner.__wrapped__
        if isinstance(inner, types.FunctionType):
            yield inner


def _agrees(body: Sequence[ast.stmt], namespace: Mapping[str, Any], shared: Iterable[str]) -> bool:
    """Compare what statements define with a namespace; names that are set twice are passed over."""
    unsure = {*shared, *(name for name, times in Counter(_set_names(body)).items() if times > 1)}
    for statement in body:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            private = statement.name.startswith("__") and not statement.name.endswith("__")
            if statement.name in unsure or private:
                continue
            member = namespace.get(statement.name, _ABSENT)
            if statement.name == "__new__":  # an enum puts its own in place of it
                member = namespace.get("_new_member_", member)
            if member is _ABSENT or not _defines(statement, member):
                return False
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            values = [namespace.get(name, _ABSENT) for name in names if name not in unsure]
            if not all(_matches(statement.value, value) for value in values):
                return False
    return True


def _defines(statement: ast.stmt, member: Any) -> bool:
    if isinstance(statement, ast.ClassDef):
        return not isinstance(member, type) or _agrees(statement.body, vars(member), ())
    assert isinstance(statement, _FUNCTIONS)
    for function in _unwrapped(member):
        arguments = statement.args
        given = function.__defaults__ or ()
        if function.__name__ != statement.name:
            continue
        if len(given) != len(arguments.defaults):
            return False
        pairs = [*zip(arguments.defaults, given, strict=True)]
        named = function.__kwdefaults__ or {}
        for argument, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if node is not None:
                pairs.append((node, named.get(argument.arg, _ABSENT)))
        if not all(_matches(node, value) for node, value in pairs):
            return False
    return True


def _matches(node: ast.expr, value: Any) -> bool:
    """Return whether an expression gives a value, as far as both are literals."""
    try:
        literal = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return True
    if isinstance(value, enum.Enum):
        if not _is_kept_by(type(value), literal):
            return True
        value = value._value_
    if type(value) not in _LITERALS or literal in ([], {}):  # an empty one is there to be filled
        return True
    return type(value) is type(literal) and bool(value == literal)


def _is_kept_by(kind: Any, literal: Any) -> bool:
    """Return whether members of an enum have the values that its body gives them."""
    maker = kind._new_member_  # that of the class itself makes values as it likes
    own = isinstance(maker, types.FunctionType) and maker.__module__ != enum.__name__
    return not own and kind._member_type_ in (object, type(literal))


def _set_names(body: Sequence[ast.AST]) -> Iterator[str]:
    """Yield each name as often as statements set or delete it in their own scope."""
    for node in body:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield node.name
        if not isinstance(node, _SCOPES):
            yield from _set_names(list(ast.iter_child_nodes(node)))
