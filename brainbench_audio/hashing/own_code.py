"""Tells the user's own code from installed code, and which names a piece of code uses.

Installed are the standard library and what lies in a folder of installed distributions. The rest is
the user's own: notebooks, loose files and editable installs.
"""

from __future__ import annotations

import builtins
import dis
import enum
import functools
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# installed code even where it is an editable install
BY_NAME = {"brainbench_audio", "torch", "numpy"}
# globals that say where a module lies, not what it does
_PLACE = {"__name__", "__file__", "__path__", "__package__", "__spec__", "__loader__"}
_PLACE |= {"__builtins__", "__cached__"}
# what Python, abc and pickle note down on a class
_NOTES = {"__module__", "__dict__", "__weakref__", "__slotnames__", "__abstractmethods__"}
_NOTES |= {"_abc_impl", "__firstlineno__", "__static_attributes__", "__annotations__"}
_NOTES |= {"__annotate__", "__annotate_func__", "__annotations_cache__"}
_FUNCTIONS = (types.FunctionType, property, staticmethod, classmethod)
_READS_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_READS_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "LOAD_SUPER_ATTR"}


def is_own(namespace: Mapping[str, Any]) -> bool:
    """Return whether a module, given by its namespace, is the user's own code."""
    name = str(namespace.get("__name__", ""))
    top = name.partition(".")[0]
    # a notebook's kernel and `python -m` have a file of the library's in __main__
    if name == "__main__" or top in BY_NAME:
        return name == "__main__"
    file = namespace.get("__file__")
    if isinstance(file, str):
        return not is_installed(file)
    if top in sys.stdlib_module_names or top.startswith("_cython_"):  # holds Cython's own types
        return False
    # without a file: typed into a notebook, or made by a library at run time (`torch.ops.aten`)
    package = getattr(sys.modules.get(top), "__file__", None)
    return not isinstance(package, str) or not is_installed(package)


def is_own_name(module: str) -> bool:
    """Return whether a module that may not be imported yet is the user's own; imports nothing."""
    top = module.partition(".")[0]
    if top in sys.modules:
        return is_own(vars(sys.modules[top]))
    if top in sys.stdlib_module_names or top in BY_NAME:
        return False
    spec = importlib.util.find_spec(top)
    if spec is None:
        return False
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return not all(is_installed(place) for place in places)


def is_foreign(member: Any) -> bool:
    """Return whether a member of a library's class or module is code of the user's own."""
    code = getattr(member, "__func__", getattr(member, "fget", member))
    if isinstance(code, types.FunctionType):
        namespace: Mapping[str, Any] = code.__globals__
    elif isinstance(code, type):
        namespace = namespace_of(code)
    elif isinstance(code, types.MethodDescriptorType):
        namespace = namespace_of(code.__objclass__)
    elif is_builtin(type(code)):
        namespace = vars(sys.modules.get(str(code.__module__), builtins))
    else:
        return False
    return namespace.get("__name__") in sys.modules and is_own(namespace)


def is_builtin(kind: type) -> bool:
    """Return whether objects of a type are compiled functions."""
    # Cython makes a type of its own in each of its versions
    return kind is types.BuiltinFunctionType or kind.__name__ == "cython_function_or_method"


@functools.cache
def is_installed(file: str) -> bool:
    """Return whether a file belongs to the standard library or to an installed distribution."""
    path = Path(file)
    if file in ("built-in", "frozen") or {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return any(path.is_relative_to(folder) for folder in _library_folders())


@functools.cache
def _library_folders() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def namespace_of(kind: type) -> Mapping[str, Any]:
    """Return the namespace of the module that a class says it is from."""
    module = sys.modules.get(kind.__module__)
    return {"__name__": kind.__module__} if module is None else vars(module)


def class_members(kind: type) -> dict[str, Any]:
    """Return what the body of a class defines; of an enum its values and functions."""
    members = {name: value for name, value in vars(kind).items() if name not in _NOTES}
    if not issubclass(kind, enum.Enum):
        return members
    functions = {n: m for n, m in members.items() if isinstance(m, _FUNCTIONS)}
    return functions | {name: member._value_ for name, member in kind.__members__.items()}


def module_members(module: types.ModuleType) -> dict[str, Any]:
    """Return what a module defines or imports."""
    return {n: member for n, member in vars(module).items() if not n.startswith("__")}


def resolved(module: str, name: str) -> Any:
    """Return what a dotted name in an imported module stands for; None if nothing."""
    place: Any = sys.modules.get(module)
    for part in name.split("."):
        place = getattr(place, part, None)
    return place


@dataclass
class UsedNames:
    """Names that code and the code inside it refer to.

    Attributes
    ----------
    globals, attributes : set of str
    imports : set of (str, int)
        Modules with the level of the import, 0 if it is absolute.
    texts : set of str
        Text constants.
    """

    globals: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    imports: set[tuple[str, int]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


def used_names(code: types.CodeType) -> UsedNames:
    """Return the names that code refers to, inner functions and classes included."""
    names = UsedNames()
    waiting = [code]
    for piece in waiting:  # grows meanwhile
        waiting += [
            constant for constant in piece.co_consts if isinstance(constant, types.CodeType)
        ]
        names.texts |= {constant for constant in piece.co_consts if isinstance(constant, str)}
        before: list[Any] = [0, 0]
        for step in dis.get_instructions(piece):
            if step.opname == "EXTENDED_ARG":
                continue
            if step.opname == "IMPORT_NAME":  # the level and the names were pushed before it
                names.imports.add((step.argval, before[0]))
            elif step.opname in _READS_GLOBAL:
                names.globals.add(step.argval)
            elif step.opname in _READS_ATTRIBUTE:
                names.attributes.add(step.argval)
            before = [before[1], step.argval]
    names.globals -= _PLACE
    return names


def named_modules(names: UsedNames, namespace: Mapping[str, Any]) -> set[str]:
    """Return the modules that are named by texts in code or in the globals that it uses."""
    texts = names.texts | {t for n in names.globals if isinstance(t := namespace.get(n), str)}
    texts = {text for text in texts if all(part.isidentifier() for part in text.split("."))}
    return {t for t in texts if t in sys.modules or is_own_name(t)}
