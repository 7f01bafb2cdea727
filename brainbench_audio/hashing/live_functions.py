"""Hashes functions, classes and modules: installed ones by name, the user's own by what they do."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from brainbench_audio.hashing.live_data import code_content, digest
from brainbench_audio.hashing.own_code import (
    UsedNames,
    class_members,
    is_foreign,
    is_own,
    is_own_name,
    module_members,
    named_modules,
    namespace_of,
    resolved,
    used_names,
)

_DYNAMIC = {"eval", "exec", "globals", "__import__"}


class Unhashable(Exception):
    """Part of an object has no hash. The message names the part and says why."""


class CodeHasher(ABC):
    """The part of a hasher that knows code.

    Own functions, classes and modules refer to each other in cycles: each gets a number where it is
    first met and is hashed after the rest.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.definitions: list[tuple[Any, str]] = []

    @abstractmethod
    def of(self, value: Any, path: str) -> bytes:
        """Return the digest of a value that was found at a path."""

    @abstractmethod
    def many(self, tag: str, path: str, *values: Any) -> bytes:
        """Return the digest of some values together."""

    @abstractmethod
    def members(self, members: Mapping[str, Any], path: str) -> bytes:
        """Return the digest of attributes by name."""

    @abstractmethod
    def refuse(self, path: str, reason: str, cause: Exception | None = None) -> NoReturn:
        """Raise `Unhashable`."""

    def definition(self, thing: Any, path: str) -> bytes:
        """Return the digest of something that has a number."""
        if isinstance(thing, type):
            return self._own_class(thing, path)
        if isinstance(thing, types.ModuleType):
            return digest("own module", self.members(module_members(thing), path))
        return self._own_function(thing, path)

    def number(self, definition: Any, path: str) -> bytes:
        if id(definition) not in self._numbers:
            self._numbers[id(definition)] = len(self._numbers)
            self.definitions.append((definition, path or definition.__name__))
        return digest("definition", str(self._numbers[id(definition)]).encode())

    def function(self, function: types.FunctionType, path: str) -> bytes:
        if is_own(function.__globals__):
            return self.number(function, path)
        module, name = str(function.__globals__.get("__name__")), function.__code__.co_qualname
        named = digest("function", module.encode(), name.encode())
        if resolved(module, name) is function:
            return named
        # one lambda of many, or made by a decorator, which may hold code of the user's own
        made = self._surroundings(function, path)
        return digest("made", named, self.code(function.__code__, path), *made)

    def _own_function(self, function: types.FunctionType, path: str) -> bytes:
        return digest(
            "own function",
            self.code(function.__code__, path),
            *self._surroundings(function, path),
            *self._globals(function, path),
        )

    def code(self, code: types.CodeType, path: str) -> bytes:
        constants = (self.of(constant, path) for constant in code.co_consts)
        return digest("code", *code_content(code), *constants)

    def _surroundings(self, function: types.FunctionType, path: str) -> Iterator[bytes]:
        yield self.many("", f"{path}()", function.__defaults__, function.__kwdefaults__)
        yield self.members(vars(function), path)
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
        self._check_known(function, used, path)
        module = str(space.get("__name__")).rpartition(".")[2]
        walks = used.globals & {"getattr", "vars"} or used.attributes & {"__dict__"}
        for name in sorted(used.globals):
            attributes = None if walks else used.attributes
            if name in space:
                yield digest(name, *self._used(space[name], attributes, f"{module}.{name}"))
            elif is_foreign(vars(builtins).get(name)):  # put there by the user
                yield self.many(name, f"builtins.{name}", vars(builtins)[name])
        imports = used.imports
        if "import_module" in used.globals | used.attributes:
            imports = imports | {(name, 0) for name in named_modules(used, space)}
        for name, level in sorted(imports):
            yield from self._imported(function, name, level, path)

    def _check_known(self, function: types.FunctionType, used: UsedNames, path: str) -> None:
        """Refuse a function that looks up by name, when it runs, what it runs."""
        space = function.__globals__
        calls = (used.globals - space.keys()) & _DYNAMIC
        if "import_module" in used.globals | used.attributes and not named_modules(used, space):
            calls.add("import_module")
        if "modules" in used.attributes and any(space.get(n) is sys for n in used.globals):
            calls.add("sys.modules")
        if calls:
            self.refuse(path, f"uses {min(calls)}, so the code that it runs is not known")

    def _used(self, value: Any, attributes: set[str] | None, path: str) -> Iterator[bytes]:
        """Hash a global or closure value; of a module only the attributes, if they are known."""
        if not isinstance(value, types.ModuleType) or attributes is None:
            yield self.of(value, path)
            return
        waiting, seen = [value], {id(value)}
        for module in waiting:  # grows meanwhile: `package.module.function`
            own = is_own(vars(module))
            if (
                module is value
            ):  # those inside it may be imported only when they are used, as by numpy
                yield b"" if own else module.__name__.encode()
            # a module may make its attributes by a function of its own
            for name in sorted((attributes | {"__getattr__"}) & vars(module).keys()):
                member = vars(module)[name]
                if isinstance(member, types.ModuleType):
                    if id(member) not in seen:
                        seen.add(id(member))
                        waiting.append(member)
                elif own or is_foreign(member):
                    yield self.many(name, f"{module.__name__}.{name}", member)

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
            self.refuse(path, f"imports {name} only when it is called: import it at the top")
        else:
            attributes = used_names(function.__code__).attributes
            for module in sorted({name.partition(".")[0], name}):
                yield from self._used(sys.modules[module], attributes, module)

    def descriptor(self, value: Any, path: str) -> bytes:
        if is_foreign(value):
            self.refuse(path, "is compiled code of your own")
        return self.many("descriptor", path, value.__objclass__, value.__name__)

    def builtin(self, value: Any, path: str) -> bytes:
        owner = getattr(value, "__self__", None)
        if isinstance(owner, types.ModuleType | None):
            if is_foreign(value):
                self.refuse(path, "is compiled code of your own")
            return self.many("builtin", path, str(value.__module__), value.__qualname__)
        return self.many("builtin method", path, owner, value.__name__)

    def module(self, module: types.ModuleType, path: str) -> bytes:
        if is_own(vars(module)):
            return self.number(module, path)
        return digest("module", module.__name__.encode())

    def kind(self, kind: type, path: str) -> bytes:
        if is_own(namespace_of(kind)):
            return self.number(kind, path)
        # a library's class may be derived from an own one, or have got a method of the user's
        bases = [self.of(base, path) for base in kind.__bases__ if base is not object]
        patched = {n: m for n, m in vars(kind).items() if is_foreign(m)}
        name = f"{kind.__module__}.{kind.__qualname__}"
        return digest("class", name.encode(), *bases, self.members(patched, path))

    def _own_class(self, kind: type, path: str) -> bytes:
        bases = [self.of(base, path) for base in (type(kind), *kind.__bases__)]
        members = self.members(class_members(kind), path)
        return digest("own class", kind.__qualname__.encode(), *bases, members)
