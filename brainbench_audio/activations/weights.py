"""Weights: read without running anything they say; every name and shape must fit the network."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from brainbench_audio.activations.snapshots import read_snapshot
from brainbench_audio.errors import DataError
from brainbench_audio.nesting import check_nesting

State = dict[str, torch.Tensor]
SAFETENSORS, OLD_TORCH = "a safetensors file", "a file as torch wrote them before 1.6"
SHOWN = 3
"""Names in an error."""
_OLD_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P"
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# how torch names the class or function that it refuses
_REFUSED = re.compile(r"(?:GLOBAL|[Uu]nsupported class|type|global) `?([A-Za-z_][\w.]*\.\w+)")
_BLOCK = 1 << 22
_PICKLES = 5  # in a file as torch wrote them before 1.6
_ENCRYPTED = 1  # flag of a member of a zip archive
_ZIP_END = 22  # bytes of the record at the end of one that has no comment
_LARGEST_PICKLE = 1 << 28  # bytes; it holds names and shapes, not the numbers


def read_checkpoint(path: Path) -> Any:
    """Read a safetensors or torch file; nothing in it is executed.

    Of a zip archive of torch with objects of other packages (fairseq's ``args``), such as torch
    refuses, the tensors, texts and numbers are read, see `snapshots`.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds something else than tensors and plain values.
    """
    if not path.is_file():
        raise DataError(f"Weights file {path} does not exist.")
    try:
        if path.suffix == ".safetensors" or weights_format(path) == SAFETENSORS:
            import safetensors.torch

            return safetensors.torch.load_file(path)
        _check_pickles(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message is long, coloured, and advises to switch the check off
        if found := _REFUSED.search(str(error)):
            if tensors_alone := _without_objects(path):
                return tensors_alone
            raise DataError(
                f"{path} holds a {found[1]}, expected tensors and plain values only. It is not "
                f"loaded, because making one could run code: where it was written, save the "
                f"model's state_dict() alone, or a safetensors file, and give that."
            ) from error
        raise DataError(
            f"{path} is damaged or no weights file ({_plain(error)}). It is not loaded, because "
            f"that could run code. Fetch it again, or save the model's state_dict() alone."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds on a damaged file
        raise DataError(
            f"{path} is damaged or no weights file: {_plain(error)}. Fetch it again."
        ) from error


def _without_objects(path: Path) -> dict[str, Any]:
    """Return what is plain in a file that also holds objects; empty if there are no tensors."""
    if not zipfile.is_zipfile(path):
        return {}
    try:
        content = read_snapshot(path)
    except DataError:  # what torch said of it counts
        return {}
    inside = [x for value in content.values() if isinstance(value, dict) for x in value.values()]
    there = any(isinstance(x, torch.Tensor) for x in (*content.values(), *inside))
    return content if there else {}


def weights_format(path: Path) -> str:
    """Return what a file is by its first bytes, whatever its name, in words."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"PK"):
        return "a zip archive, as torch writes them"
    if head.startswith(_OLD_HEAD):
        return OLD_TORCH
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return SAFETENSORS
    return "no file of weights"


def _plain(error: BaseException) -> str:
    """Return the first line of an error, without colours and without advice to be careless."""
    first = _COLOURS.sub("", str(error)).strip().partition("\n")[0]
    return type(error).__name__ if not first or "weights_only" in first else first


def _check_pickles(path: Path) -> None:
    """Refuse tuples in tuples without end, which torch would hash; see `nesting`.

    The pickles must be those that torch will read, so its rules decide what a file is.
    """
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
        if head.startswith(b"PK\3\4"):
            _check_zip(file)
            return
        if _is_tar(head):  # torch would hand it to `tarfile`, which can hang
            raise pickle.UnpicklingError("it is a tar archive")
        file.seek(0)
        with suppress(ValueError):
            for _ in range(_PICKLES):
                check_nesting(file)


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _check_zip(file: BinaryIO) -> None:
    """Refuse an archive that torch never writes: its reader and Python's may see other members.

    Torch's reader takes names without regard to case, and the first of two.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename.casefold() for member in members]
        odd = [member.orig_filename for member in members if _is_odd(member)]
        if odd or len(set(names)) < len(names) or archive.comment or not _is_compact(file, members):
            named = f" ({odd[0]!r})" if odd else ""
            raise pickle.UnpicklingError(f"no archive as torch writes it{named}")
        for member in members:
            _check_member(archive, member)


def _is_odd(member: zipfile.ZipInfo) -> bool:
    """Whether a member is packed, encrypted, or has a name that readers may read differently."""
    name = member.orig_filename
    ending = name[name.rfind(".") :]
    return (
        name != member.filename
        or "\\" in name
        or not name.isprintable()
        or member.compress_type != zipfile.ZIP_STORED
        or member.file_size != member.compress_size
        or bool(member.flag_bits & _ENCRYPTED)
        or (ending.casefold() == ".pkl" and ending != ".pkl")
    )


def _is_compact(file: BinaryIO, members: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether nothing stands before the archive or behind it, where another could hide."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _ZIP_END))
    return file.read(4) == b"PK\5\6" and min((one.header_offset for one in members), default=1) == 0


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse bytes that are not what their checksum says, which torch would load all the same."""
    if not member.CRC:
        del member.CRC  # torch can write without: there is nothing to hold the bytes to
    with archive.open(member) as file:
        if member.filename.endswith(".pkl"):
            if member.file_size > _LARGEST_PICKLE:
                raise pickle.UnpicklingError(f"{member.filename} is too large")
            check_nesting(file.read())
        while file.read(_BLOCK):
            pass


def load_strictly(network: torch.nn.Module, state: State, where: str, kind: str = "") -> None:
    """Load a state dict whose names and shapes must be exactly those of the network.

    Parameters
    ----------
    network : torch.nn.Module
    state : mapping of str to Tensor
        float16 and bfloat16 become the network's float32, which is exact.
    where : str
        Model and file, for an error.
    kind : str
        What the file looks like, for an error.

    Raises
    ------
    DataError
        It does not fit, see `check_fit`.
    """
    check_fit(network, state, where, kind)
    network.load_state_dict(state, strict=True)


def check_fit(network: torch.nn.Module, state: State, where: str, kind: str = "") -> None:
    """Refuse a state dict that is not one of the network; see `load_strictly` for the arguments.

    Raises
    ------
    DataError
        Naming the first three that are missing, unexpected or of another shape or kind of number.
    """
    own = network.state_dict()
    problems = {
        "missing": [name for name in own if name not in state],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
            for name in own
            if name in state and own[name].shape != state[name].shape
        ],
        "of another kind of number": [
            f"{name} {state[name].dtype} instead of {own[name].dtype}"
            for name in own
            if name in state and own[name].is_floating_point() and not _is_plain(state[name])
        ],
    }
    told = [
        f"{len(names)} {word}: {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"
        for word, names in problems.items()
        if names
    ]
    if told:
        looks = f" The file looks like {kind}." if kind else ""
        raise DataError(f"The weights do not fit the network ({where}). {'; '.join(told)}.{looks}")


def check_finite(state: Mapping[str, torch.Tensor], where: str) -> None:
    """Refuse a state dict with NaN or infinity, naming the first three entries that have one.

    Raises
    ------
    DataError
        It has.
    """
    # one pass without a copy: both extremes are NaN where there is one
    broken = [
        name
        for name, tensor in state.items()
        if _is_plain(tensor) and tensor.numel() and not tensor.is_meta
        if not all(bool(extreme.isfinite()) for extreme in tensor.aminmax())
    ]
    if broken:
        raise DataError(
            f"The weights have NaN or infinity ({where}): {', '.join(broken[:SHOWN])}"
            f"{' …' if len(broken) > SHOWN else ''}. The training that wrote them diverged, or "
            f"they were cut to float16: give another checkpoint."
        )


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor has floating-point numbers of 16 bits or more; 8 are of quantised weights.

    What is smaller torch can neither compare nor search for its extremes.
    """
    return tensor.is_floating_point() and tensor.itemsize > 1


def permuted(state: Mapping[str, Any], seed: int) -> State:
    """Return a state dict with the values of every tensor shuffled.

    Each floating-point tensor of more than one value gets a permutation of its own, drawn from the
    seed and its name, so its distribution stays and its structure goes, as in Tuckute et al.
    (2023). Counters and other integers stay.
    """
    shuffled = {}
    for name, tensor in tensors(state).items():
        if tensor.is_floating_point() and tensor.numel() > 1:
            generator = np.random.default_rng([seed, *name.encode()])
            order = torch.from_numpy(generator.permutation(tensor.numel()))
            shuffled[name] = tensor.flatten()[order].reshape(tensor.shape)
        else:
            shuffled[name] = tensor
    return shuffled


def hash_state(state: Mapping[str, Any]) -> str:
    """Return a SHA-256 over names, types, shapes and values of a state dict."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = torch.as_tensor(state[name]).detach().cpu()
        half = tensor.dtype == torch.bfloat16  # which NumPy has not: its bits count
        array = np.ascontiguousarray((tensor.view(torch.int16) if half else tensor).numpy())
        kind = "bfloat16" if half else str(array.dtype)
        digest.update(f"{name}{kind}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def nested(checkpoint: Any, keys: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return ``checkpoint[first key][second key]…``, which must be a mapping.

    Raises
    ------
    DataError
        A key is not there; the message says what is.
    """
    found = checkpoint
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            there = list(found)[:SHOWN] if isinstance(found, Mapping) else type(found).__name__
            raise DataError(f"The weights file has no entry {key!r}, only {there}.")
        found = found[key]
    if not isinstance(found, Mapping):
        raise DataError(f"The weights file holds {type(found).__name__}, expected named tensors.")
    return found


def tensors(state: Mapping[str, Any]) -> State:
    """Return a state dict of tensors, given one of tensors, arrays or numbers.

    Raises
    ------
    DataError
        An entry is something else.
    """
    converted = {}
    for name, value in state.items():
        try:
            converted[str(name)] = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:  # text, a list of lists, None
            raise DataError(
                f"The weights have an entry {name!r} of type {type(value).__name__}, expected "
                f"named tensors."
            ) from error
    return converted
