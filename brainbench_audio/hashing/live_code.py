"""Hashes Python objects as they are in memory: values, code, classes, networks. Reads no file.

Installed code counts by the names of its functions and classes. The user's own code (see
`own_code`) is followed: a function counts with its bytecode, constants, defaults, closure and the
globals that it uses; a class with its members and parents. Line numbers and file names don't count.
"""

from __future__ import annotations

import enum
import functools
import re
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from brainbench_audio.hashing.live_data import (
    NoContent,
    array_content,
    counted_state,
    digest,
    has_hidden_state,
    reduced,
    tensor_content,
    value_digest,
)
from brainbench_audio.hashing.live_functions import CodeHasher, Unhashable
from brainbench_audio.hashing.live_tensors import TensorDigests
from brainbench_audio.hashing.own_code import is_builtin

_CONTAINERS = (list, tuple, set, frozenset, dict)
_VALUES = (str, bytes, bytearray, int, float, complex)
_BUILTINS = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS = (
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)

__all__ = ["Unhashable", "hash_object"]


def hash_object(value: object, name: str = "", tensors: TensorDigests | None = None) -> str:
    """Return the SHA-256 of an object as it is in memory now, as 64 hex digits.

    Objects with equal values and equal code have equal hashes, in every process and on every
    device. The order of a dict counts where code may walk through it (in an object or a global),
    not in a dict that is handed over directly.

    Parameters
    ----------
    value : object
        Numbers, text, containers, arrays, tensors, functions, classes, objects, networks.
    name : str
        What messages call it; no part of the hash.
    tensors : TensorDigests, optional
        Gets the digests of torch's tensors, and has some that need not be read again.

    Raises
    ------
    Unhashable
        Something in it cannot be hashed: an open file, a generator, an object of a C library.

    Examples
    --------
    >>> hash_object({"a": 1, "b": 2.0}) == hash_object({"b": 2.0, "a": 1})
    True
    >>> hash_object(lambda x: x + 1) == hash_object(lambda x: x + 2)
    False
    """
    try:
        return _Hasher(name, tensors=tensors).whole(value)
    except RecursionError as error:
        raise Unhashable(f"`{name or 'it'}` is nested too deeply") from error


class _Hasher(CodeHasher):
    """One call of `hash_object`.

    Own functions, classes and modules get a number, see `CodeHasher`. Other objects are hashed in
    place; where one contains itself, the path at which it was entered stands for it.
    """

    def __init__(
        self,
        name: str,
        sets: frozenset[int] = frozenset(),
        tensors: TensorDigests | None = None,
    ) -> None:
        super().__init__()
        self._tensors = TensorDigests() if tensors is None else tensors
        self._name = name
        self._sets = sets  # that this is inside of
        # keeps the objects themselves, so that no other object gets their id meanwhile
        self._known: dict[tuple[int, bool], tuple[Any, bytes]] = {}
        self._entered: dict[int, str] = {}
        self._in_order = False
        self._by_kind = self._special()

    def whole(self, value: object) -> str:
        try:
            parts = [self.of(value, "")]
            self._in_order = True
            parts += [self.definition(*found) for found in self.definitions]  # grows meanwhile
            return digest("object", *parts).hex()
        finally:  # let go of a network now; the garbage collector may come late
            self._known.clear()
            self._by_kind.clear()

    def of(self, value: Any, path: str) -> bytes:
        """Return the digest of a value that was found at a path."""
        if (plain := value_digest(value)) is not None:
            return plain
        key = (id(value), self._in_order)
        if key in self._known:
            return self._known[key][1]
        if id(value) in self._entered:
            return digest("cycle", self._entered[id(value)].encode())
        self._entered[id(value)] = path
        try:
            found = self._compound(value, path)
        finally:
            del self._entered[id(value)]
        self._known[key] = (value, found)
        return found

    def _compound(self, value: Any, path: str) -> bytes:
        for kinds, method in self._by_kind:
            if issubclass(type(value), kinds):
                return method(value, path)
        if type(value) in _CONTAINERS:
            return self._content(value, path)
        if is_builtin(type(value)):
            return self.builtin(value, path)
        return self._instance(value, path)

    def _special(self) -> list[tuple[Any, Callable[[Any, str], bytes]]]:
        """Return what hashes the types that are more than attributes and items."""
        many = self.many
        special: list[tuple[Any, Callable[[Any, str], bytes]]] = [
            (type, self.kind),
            (types.FunctionType, self.function),
            (types.CodeType, self.code),
            (types.MethodType, lambda v, p: many("method", p, v.__func__, v.__self__)),
            (_BUILTINS, self.builtin),
            (_DESCRIPTORS, self.descriptor),
            (types.ModuleType, self.module),
            (types.MappingProxyType, lambda v, p: self._content(dict(v), p)),
            (property, lambda v, p: many("property", p, v.fget, v.fset, v.fdel)),
            ((staticmethod, classmethod), lambda v, p: many(type(v).__name__, p, v.__func__)),
            (functools._lru_cache_wrapper, lambda v, p: many("cached", p, v.__wrapped__)),
            (weakref.ref, lambda v, p: many("reference", p, v())),
            (enum.Enum, lambda v, p: many("member", p, type(v), v._name_, v._value_)),
            (re.Pattern, lambda v, p: many("pattern", p, v.pattern, v.flags)),
        ]
        if (numpy := sys.modules.get("numpy")) is not None:
            special.append(((numpy.ndarray, numpy.generic), self._array))
        if (torch := sys.modules.get("torch")) is not None:
            special.append((torch.Tensor, self._tensor))
            special.append((torch.Generator, lambda v, p: self._tensor(v.get_state(), p)))
        return special

    def many(self, tag: str, path: str, *values: Any) -> bytes:
        return digest(tag, *(self.of(value, path) for value in values))

    def members(self, members: Mapping[str, Any], path: str) -> bytes:
        """Hash attributes by name; the order in which they were set doesn't count."""
        names = sorted(members, key=str)
        return digest("", *(self.many("", f"{path}.{n}", n, members[n]) for n in names))

    def _content(self, value: Any, path: str) -> bytes:
        """Hash the items of a container, or of an object of a class derived from one."""
        base = next(base for base in _CONTAINERS if issubclass(type(value), base))
        if base is dict:
            keys = [(self.of(key, f"{path}[…]"), key) for key in dict.__iter__(value)]
            if not self._in_order:
                keys.sort(key=lambda pair: pair[0])
            parts = []
            for head, key in keys:
                parts += [head, self.of(dict.__getitem__(value, key), f"{path}[{key!r:.40}]")]
            return digest("dict", *parts)
        if base in (set, frozenset):
            if id(value) in self._sets:
                return digest("cycle")
            return digest(base.__name__, *sorted(self._item(value, item, path) for item in value))
        parts = [self.of(item, f"{path}[{i}]") for i, item in enumerate(base.__iter__(value))]
        return digest(base.__name__, *parts)

    def _item(self, group: Any, item: Any, path: str) -> bytes:
        """Hash an item of a set by itself: numbers would depend on the order, which is random."""
        name, sets = f"{self._name}{path}[…]", self._sets | {id(group)}
        return value_digest(item) or _Hasher(name, sets, self._tensors).whole(item).encode()

    def _instance(self, value: Any, path: str) -> bytes:
        kind = type(value)
        before, self._in_order = self._in_order, True
        try:
            parts = [self.of(kind, path), self.members(counted_state(value), path)]
            if issubclass(kind, _CONTAINERS):
                parts.append(self._content(value, path))
                parts.append(self.of(getattr(value, "default_factory", None), path))
            elif base := next((base for base in _VALUES if issubclass(kind, base)), None):
                parts.append(self.of(base(value), path))
            elif has_hidden_state(kind):
                parts.append(self.many("reduced", path, *reduced(value)))
            return digest("instance", *parts)
        except NoContent as error:
            self.refuse(path, str(error), error)
        finally:
            self._in_order = before

    def _array(self, value: Any, path: str) -> bytes:
        attributes, head, data = array_content(value)
        parts = [self.of(type(value), path), self.members(attributes, path), head.encode()]
        return digest("array", *parts, self.of(data, path) if isinstance(data, list) else data)

    def _tensor(self, value: Any, path: str) -> bytes:
        if (found := self._tensors.find(value)) is not None:
            return found
        try:
            head, data = tensor_content(value)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            self.refuse(path, f"is a tensor without numbers to read: {error}", error)
        if type(value).__module__.partition(".")[0] == "torch":
            found = digest("tensor", head.encode(), data)
            self._tensors.keep(value, found)
            return found
        own = (self.of(type(value), path), self.members(counted_state(value), path))
        return digest("tensor", head.encode(), data, *own)

    def refuse(self, path: str, reason: str, cause: Exception | None = None) -> NoReturn:
        place = path if path[:1].isidentifier() else self._name + path
        raise Unhashable(f"`{place.lstrip('.') or 'it'}` {reason}") from cause
