"""Content of values, arrays, tensors and objects, for `live_code`; imports no numpy, no torch."""

from __future__ import annotations

import copyreg
import hashlib
import io
import logging
import sys
import threading
import types
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any

_POINTER = 8
_TEXT = (type(None), bool, float, complex, str)
_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_TYPE_HINTS = (types.GenericAlias, types.UnionType)
# what a model says of itself, which may come from attributes that it names as transient
_SAID = ("fingerprint", "layers", "sample_rate")

SEAL = "_brainbench_seal"
"""Under which `object_state` remembers what a model was; no part of the model."""
GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks")
"""Those that torch runs in every network."""


class NoContent(Exception):
    """An object has no content that can be read. The message goes on from the object's name."""


def digest(tag: str, *parts: bytes | bytearray | memoryview) -> bytes:
    """Return one SHA-256 over a tag and parts whose borders count; nothing is copied."""
    together = hashlib.sha256(tag.encode())
    for part in parts:
        size = part.nbytes if isinstance(part, memoryview) else len(part)
        together.update(b"\0" + size.to_bytes(8, "little"))
        together.update(part)
    return together.digest()


def value_digest(value: Any) -> bytes | None:
    """Return the digest of a value that holds no other objects; None for all others."""
    kind = type(value)
    if kind in _TEXT:
        text = repr(value)
    elif kind is int:
        text = f"{value:x}"
    elif kind in (bytes, bytearray):
        return digest(kind.__name__, value)
    elif issubclass(kind, PurePath):
        return digest("path", ascii(value.as_posix()).encode())
    elif issubclass(kind, logging.Logger):
        text = value.name
    elif kind in _LOCKS:
        text = ""
    elif kind in _TYPE_HINTS or kind.__module__ == "typing":
        text = repr(value)
    elif (named := _library_name(value)) is not None:
        text = named
    else:
        return None
    return digest(kind.__qualname__, text.encode())


def _library_name(value: Any) -> str | None:
    """Return what a dtype, a device or an operator of numpy or torch is called."""
    kind = type(value)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and issubclass(kind, numpy.dtype):
        return repr(value.descr)
    if torch is None or not str(kind.__module__).startswith("torch"):  # Cython's is no text
        return None
    if kind is torch.utils.hooks.RemovableHandle:
        return ""  # it holds a number that differs in every process
    named = (torch.dtype, torch.device, torch.layout, torch.memory_format)
    return str(value) if kind in named or kind.__module__ == "torch._ops" else None


def code_content(code: types.CodeType) -> tuple[bytes, bytes, bytes]:
    """Return what code does, but for its constants; not where it lies or what it is called."""
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount]
    counts.append(code.co_flags & 0xFFFF)  # without the `from __future__ import` there was
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, code.co_exceptiontable, repr((counts, names)).encode()


def array_content(value: Any) -> tuple[dict[str, Any], str, memoryview | bytes | list[Any]]:
    """Return a numpy array's attributes, its type and shape, and its bytes; objects as a list."""
    numpy = sys.modules["numpy"]
    mapped = type(value) is numpy.memmap  # its attributes say where the file lies
    attributes = {} if mapped else counted_state(value)
    array = numpy.asarray(value)
    head = repr((array.dtype.descr, array.shape))
    if array.dtype.hasobject:
        return attributes, head, list(array.ravel())
    flat = numpy.ascontiguousarray(array).reshape(-1)
    return attributes, head, memoryview(flat.view(numpy.uint8)) if flat.nbytes else b""


def tensor_content(value: Any) -> tuple[str, memoryview | bytes]:
    """Return type and shape of a torch tensor, and its bytes, wherever it lies.

    Raises
    ------
    RuntimeError, NotImplementedError, TypeError
        It has no plain numbers: sparse, quantized, or on the meta device.
    """
    torch = sys.modules["torch"]
    head = repr((type(value).__name__, str(value.dtype), tuple(value.shape)))
    if value.layout is not torch.strided or value.is_quantized:
        raise TypeError("its numbers are not stored one after the other")
    plain = value.detach().as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg()
    flat = plain.contiguous().reshape(-1)
    return head, memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes that an object holds itself, in `__dict__` and in slots."""
    state: dict[str, Any] = {}
    for base in type(value).__mro__:
        for name, slot in _slots(base):
            with suppress(AttributeError):  # an empty slot
                state[name if name not in state else f"{base.__name__}.{name}"] = slot.__get__(
                    value
                )
    try:
        state |= object.__getattribute__(value, "__dict__")
    except AttributeError:
        return state
    torch = sys.modules.get("torch")
    if torch is not None and issubclass(type(value), torch.nn.Module):
        state |= _hooks(state, torch.nn.modules.module)
        state.pop("_output_capturing_hooks_installed", None)  # see `_only_looks_on`
        state.pop("_compiled_call_impl", None)  # `compile()` in place: the same, made faster
    return state


def counted_state(value: Any) -> dict[str, Any]:
    """Return the attributes of an object that count; of a model those that are not transient.

    Raises
    ------
    NoContent
        A model cannot say what it is.
    """
    kind = type(value)
    state = state_of(value)
    state.pop(SEAL, None)
    if not hasattr(kind, "activations") or not (transient := transient_names(kind)):
        return state
    state = {name: attribute for name, attribute in state.items() if name not in transient}
    for name in _SAID:
        try:
            state[f"its {name}"] = getattr(value, name, None)
        except Exception as error:  # whatever a property may raise
            raise NoContent(f"has a {name} that cannot be read: {error!r}") from error
    return state


def transient_names(kind: type) -> set[str]:
    """Return the attributes that a class and its bases name in ``transient``, as they are held."""
    names: set[str] = set()
    for base in kind.__mro__:  # a class does not take back what its base names
        named = vars(base).get("transient", ())
        named = (named,) if isinstance(named, str) else named
        for name in named if isinstance(named, Collection) else ():
            private = str(name).startswith("__") and not str(name).endswith("__")
            names.add(f"_{base.__name__.lstrip('_')}{name}" if private else str(name))
    return names


def _slots(kind: type) -> list[tuple[str, types.MemberDescriptorType]]:
    """Return the slots of a class written in Python; those of C classes may be no attributes."""
    if "__slots__" not in vars(kind):
        return []
    return [(n, m) for n, m in vars(kind).items() if isinstance(m, types.MemberDescriptorType)]


def _hooks(state: Mapping[str, Any], torch_module: Any) -> dict[str, Any]:
    """Return a network's hooks by rank: torch numbers them anew in every process."""
    groups = {name: getattr(torch_module, name) for name in GLOBAL_HOOKS}
    groups |= {n: h for n, h in state.items() if "hooks" in n and isinstance(h, dict)}
    hooks = {
        name: [(number, hook) for number, hook in group.items() if not _only_looks_on(hook)]
        for name, group in groups.items()
        if all(isinstance(number, int) for number in group)
    }
    order = sorted({number for group in hooks.values() for number, _ in group})
    return {n: [(order.index(i), hook) for i, hook in group] for n, group in hooks.items()}


def _only_looks_on(hook: Any) -> bool:
    """Return whether transformers added a hook, in the first forward pass, to note outputs down."""
    place = getattr(hook, "__globals__", {}).get("__name__")
    return place == "transformers.utils.output_capturing"


def has_hidden_state(kind: type) -> bool:
    """Return whether objects of a class hold more than dict and slots: the test of pickle."""
    size = object.__basicsize__
    size += _POINTER * ((kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0))
    for base in kind.__mro__:
        size += _POINTER * len(_slots(base))
    return kind.__basicsize__ > size or kind.__itemsize__ > 0


def reduced(value: Any) -> tuple[Any, ...]:
    """Return what pickle would store of an object of a C library.

    Raises
    ------
    NoContent
        It has no content that can be read.
    """
    kind = type(value)
    if issubclass(kind, _GENERATORS):
        raise NoContent("is a generator")
    if issubclass(kind, io.IOBase):
        raise NoContent("is an open file")
    if issubclass(kind, Iterator):
        raise NoContent("is an iterator: it can be walked through only once")
    try:
        registered = copyreg.dispatch_table.get(kind)
        content = value.__reduce_ex__(4) if registered is None else registered(value)
    except Exception as error:  # whatever a library raises
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise NoContent(f"is a {name}, whose content cannot be read") from error
    if isinstance(content, str):
        if not _is_global(value, content):
            raise NoContent(
                f"is a {kind.__module__}.{kind.__qualname__} that no module has by name"
            )
        return (content,)
    maker, arguments, state, *items = (*content, None, None, None)[:5]
    return (maker, arguments, state, *(list(group or ()) for group in items))


def _is_global(value: Any, name: str) -> bool:
    """Return whether a module has an object under the name by which pickle would store it."""
    # all modules, and not what `__module__` says: of every ufunc, that it is numpy's
    for module in list(sys.modules.values()):
        place: Any = getattr(module, "__dict__", {}).get(name.partition(".")[0])
        for part in name.split(".")[1:]:
            place = getattr(place, part, None)
        if place is value:
            return True
    return False
