"""Hashes Python objects as they are in memory: values, code, classes, networks. Reads no file.

Installed code counts by the names of its functions and classes. The user's own code (see
`own_code`) is followed: a function counts with its bytecode, constants, defaults, closure and the
globals that it uses; a class with its members and parents. Line numbers and file names don't count.
"""

from __future__ import annotations

import enum
import functools
import importlib.util
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from brainbench_audio.live_data import (
    NoContent,
    array_content,
    code_content,
    digest,
    has_hidden_state,
    reduced,
    state_of,
    tensor_content,
    value_digest,
)
from brainbench_audio.own_code import (
    class_members,
    is_foreign,
    is_own,
    is_own_name,
    module_members,
    namespace_of,
    resolved,
    used_names,
)

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
_DYNAMIC = {"eval", "exec", "globals", "__import__"}


class Unhashable(Exception):
    """Part of an object has no hash. The message names the part and says why."""


def hash_object(value: object, name: str = "") -> str:
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
        return _Hasher(name).whole(value)
    except RecursionError as error:
        raise Unhashable(f"`{name or 'it'}` is nested too deeply") from error


class _Hasher:
    """One call of `hash_object`.

    Own functions, classes and modules refer to each other in cycles: each gets a number where it is
    first met and is hashed after the rest. Other objects are hashed in place; where one contains
    itself, the path at which it was entered stands for it.
    """

    def __init__(self, name: str, sets: frozenset[int] = frozenset()) -> None:
        self._name = name
        self._sets = sets  # that this is inside of
        # keeps the objects themselves, so that no other object gets their id meanwhile
        self._known: dict[tuple[int, bool], tuple[Any, bytes]] = {}
        self._entered: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        self._definitions: list[tuple[Any, str]] = []
        self._in_order = False
        self._by_kind = self._special()

    def whole(self, value: object) -> str:
        try:
            parts = [self.of(value, "")]
            self._in_order = True
            parts += [self._definition(*found) for found in self._definitions]  # grows meanwhile
            return digest("object", *parts).hex()
        finally:  # let go of a network now; the garbage collector may come late
            self._known.clear()
            self._by_kind.clear()

    def _definition(self, thing: Any, path: str) -> bytes:
        if isinstance(thing, type):
            return self._own_class(thing, path)
        if isinstance(thing, types.ModuleType):
            return digest("own module", self._members(module_members(thing), path))
        return self._own_function(thing, path)

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
        return self._instance(value, path)

    def _special(self) -> list[tuple[Any, Callable[[Any, str], bytes]]]:
        """Return what hashes the types that are more than attributes and items."""
        many = self._many
        special: list[tuple[Any, Callable[[Any, str], bytes]]] = [
            (type, self._class),
            (types.FunctionType, self._function),
            (types.CodeType, self._code),
            (types.MethodType, lambda v, p: many("method", p, v.__func__, v.__self__)),
            (_BUILTINS, self._builtin),
            (_DESCRIPTORS, lambda v, p: many("descriptor", p, v.__objclass__, v.__name__)),
            (types.ModuleType, self._module),
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

    def _many(self, tag: str, path: str, *values: Any) -> bytes:
        return digest(tag, *(self.of(value, path) for value in values))

    def _members(self, members: Mapping[str, Any], path: str) -> bytes:
        """Hash attributes by name; the order in which they were set doesn't count."""
        names = sorted(members, key=str)
        return digest("", *(self._many("", f"{path}.{n}", n, members[n]) for n in names))

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
        return value_digest(item) or _Hasher(name, sets).whole(item).encode()

    def _number(self, definition: Any, path: str) -> bytes:
        if id(definition) not in self._numbers:
            self._numbers[id(definition)] = len(self._numbers)
            self._definitions.append((definition, path or definition.__name__))
        return digest("definition", str(self._numbers[id(definition)]).encode())

    def _function(self, function: types.FunctionType, path: str) -> bytes:
        if is_own(function.__globals__):
            return self._number(function, path)
        module, name = str(function.__globals__.get("__name__")), function.__code__.co_qualname
        named = digest("function", module.encode(), name.encode())
        if resolved(module, name) is function:
            return named
        # one lambda of many, or made by a decorator, which may hold code of the user's own
        made = self._surroundings(function, path)
        return digest("made", named, self._code(function.__code__, path), *made)

    def _own_function(self, function: types.FunctionType, path: str) -> bytes:
        return digest(
            "own function",
            self._code(function.__code__, path),
            *self._surroundings(function, path),
            *self._globals(function, path),
        )

    def _code(self, code: types.CodeType, path: str) -> bytes:
        constants = (self.of(constant, path) for constant in code.co_consts)
        return digest("code", *code_content(code), *constants)

    def _surroundings(self, function: types.FunctionType, path: str) -> Iterator[bytes]:
        yield self._many("", f"{path}()", function.__defaults__, function.__kwdefaults__)
        yield self._members(vars(function), path)
        attributes = used_names(function.__code__).attributes
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:
                yield b"empty"
            else:
                yield digest(name, *self._used(value, attributes, f"{path}().{name}"))

    def _globals(self, function: types.FunctionType, path: str) -> Iterator[bytes]:
        used, space = used_names(function.__code__), function.__globals__
        unknown = (used.globals - space.keys()) & _DYNAMIC
        unknown |= (used.globals | used.attributes) & {"import_module"}
        if unknown:
            self._refuse(path, f"calls {min(unknown)}, so the code that it runs is not known")
        module = str(space.get("__name__")).rpartition(".")[2]
        looks_up = not used.globals.isdisjoint({"getattr", "vars"})
        for name in sorted(used.globals & space.keys()):
            attributes = None if looks_up else used.attributes
            yield digest(name, *self._used(space[name], attributes, f"{module}.{name}"))
        for name, level in sorted(used.imports):
            yield from self._imported(function, name, level, path)

    def _used(self, value: Any, attributes: set[str] | None, path: str) -> Iterator[bytes]:
        """Hash a global or closure value; of a module only the attributes, if they are known."""
        if not isinstance(value, types.ModuleType) or attributes is None:
            yield self.of(value, path)
            return
        waiting, seen = [value], {id(value)}
        for module in waiting:  # grows meanwhile: `package.module.function`
            own = is_own(vars(module))
            yield b"" if own else module.__name__.encode()
            for name in sorted(attributes & vars(module).keys()):
                member = vars(module)[name]
                if isinstance(member, types.ModuleType):
                    if id(member) not in seen:
                        seen.add(id(member))
                        waiting.append(member)
                elif own or is_foreign(member):
                    yield self._many(name, f"{module.__name__}.{name}", member)

    def _imported(
        self, function: types.FunctionType, name: str, level: int, path: str
    ) -> Iterator[bytes]:
        """Hash what a function uses of a module that it imports itself."""
        importer: Any = getattr(function, "__builtins__", {}).get("__import__")
        if hasattr(importer, "tree_hash"):  # a model file's: covers all that it may import
            yield str(importer.tree_hash).encode()
            return
        if level:
            package = function.__globals__.get("__package__")
            name = importlib.util.resolve_name("." * level + name, package)
        if not is_own_name(name):
            yield name.encode()
        elif name not in sys.modules:
            self._refuse(path, f"imports {name} only when it is called: import it at the top")
        else:
            attributes = used_names(function.__code__).attributes
            for module in sorted({name.partition(".")[0], name}):
                yield from self._used(sys.modules[module], attributes, module)

    def _builtin(self, value: Any, path: str) -> bytes:
        owner = value.__self__
        if isinstance(owner, types.ModuleType | None):
            return self._many("builtin", path, str(value.__module__), value.__qualname__)
        return self._many("builtin method", path, owner, value.__name__)

    def _module(self, module: types.ModuleType, path: str) -> bytes:
        if is_own(vars(module)):
            return self._number(module, path)
        return digest("module", module.__name__.encode())

    def _class(self, kind: type, path: str) -> bytes:
        if is_own(namespace_of(kind)):
            return self._number(kind, path)
        # a library's class may be derived from an own one, or have got a method of the user's
        bases = [self.of(base, path) for base in kind.__bases__ if base is not object]
        patched = {n: m for n, m in vars(kind).items() if is_foreign(m)}
        name = f"{kind.__module__}.{kind.__qualname__}"
        return digest("class", name.encode(), *bases, self._members(patched, path))

    def _own_class(self, kind: type, path: str) -> bytes:
        bases = [self.of(base, path) for base in (type(kind), *kind.__bases__)]
        members = self._members(class_members(kind), path)
        return digest("own class", kind.__qualname__.encode(), *bases, members)

    def _instance(self, value: Any, path: str) -> bytes:
        kind = type(value)
        before, self._in_order = self._in_order, True
        try:
            parts = [self.of(kind, path), self._members(state_of(value), path)]
            if issubclass(kind, _CONTAINERS):
                parts.append(self._content(value, path))
                parts.append(self.of(getattr(value, "default_factory", None), path))
            elif base := next((base for base in _VALUES if issubclass(kind, base)), None):
                parts.append(self.of(base(value), path))
            elif has_hidden_state(kind):
                parts.append(self._many("reduced", path, *reduced(value)))
            return digest("instance", *parts)
        except NoContent as error:
            self._refuse(path, str(error), error)
        finally:
            self._in_order = before

    def _array(self, value: Any, path: str) -> bytes:
        attributes, head, data = array_content(value)
        parts = [self.of(type(value), path), self._members(attributes, path), head.encode()]
        return digest("array", *parts, self.of(data, path) if isinstance(data, list) else data)

    def _tensor(self, value: Any, path: str) -> bytes:
        try:
            head, data = tensor_content(value)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            self._refuse(path, f"is a tensor without numbers to read: {error}", error)
        return digest("tensor", head.encode(), data)

    def _refuse(self, path: str, reason: str, cause: Exception | None = None) -> NoReturn:
        place = path if path[:1].isidentifier() else self._name + path
        raise Unhashable(f"`{place.lstrip('.') or 'it'}` {reason}") from cause
