"""All layers of all clips, in half precision, in memory or in a file.

The released code casts to half precision too. Each layer is multiplied by a power of two first, so
that large activations do not overflow and tiny ones do not vanish; all others are rounded just as
by a plain cast. The mean over layers takes the factor back.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.errors import DataError

_HALF = 2
_ROWS = 1024  # clips that are converted at a time
_LARGEST = 15  # stored values are below 2 ** 15
# sums of squares over clips and features are to stay below 3e38, too
_LARGEST_SQUARED = 1e15


class Embeddings:
    """Half-precision embeddings (clip, layer, feature), read by minibatches.

    Parameters
    ----------
    clips, layers, features : int
    in_memory : int
        Bytes above which a temporary file is used. Files are read, not mapped, so that what was
        read does not count as memory of the process.
    """

    def __init__(self, clips: int, layers: int, features: int, in_memory: int) -> None:
        self.clips, self.layers, self.features = clips, layers, features
        self.scale = torch.ones(layers)
        self._memory: torch.Tensor | None = None
        self._half = torch.empty(0, dtype=torch.float16)
        if self.nbytes <= in_memory:
            self._memory = torch.empty(clips, layers, features, dtype=torch.float16)
        else:
            with _telling_where(self.nbytes):
                self._file = tempfile.TemporaryFile(prefix="brainbench-probe-", buffering=0)  # noqa: SIM115
                self._file.truncate(self.nbytes)

    def __enter__(self) -> Embeddings:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._memory is None:
            self._file.close()
        self._memory = None
        self._half = torch.empty(0, dtype=torch.float16)

    @property
    def nbytes(self) -> int:
        """Bytes of all embeddings."""
        return _HALF * self.clips * self.layers * self.features

    def fill(self, layer: int, name: str, values: npt.NDArray[np.floating[Any]]) -> None:
        """Store a layer.

        Parameters
        ----------
        layer : int
            Its place.
        name : str
            For the error.
        values : float array (clip, feature)

        Raises
        ------
        DataError
            As `largest_of`.
        """
        pieces = range(0, self.clips, _ROWS)
        largest = largest_of(name, values)
        power = _LARGEST - int(np.frexp(largest)[1]) if largest else 0
        self.scale[layer] = 2.0**-power
        for start in pieces:
            piece = np.ldexp(values[start : start + _ROWS].astype(np.float32), power)
            self._write(layer, start, piece.astype(np.float16))

    def _write(self, layer: int, start: int, piece: npt.NDArray[np.float16]) -> None:
        if self._memory is not None:
            self._memory[start : start + len(piece), layer] = torch.from_numpy(piece)
            return
        with _telling_where(self.nbytes):
            for clip, row in enumerate(piece, start):
                self._file.seek(_HALF * self.features * (clip * self.layers + layer))
                left = memoryview(row.tobytes())
                # a disk that is nearly full takes a part first
                while left:
                    left = left[self._file.write(left) :]

    def batch(self, rows: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Write some clips into a float tensor (layer, clip, feature), and return it.

        They are still to be multiplied by `scale`.
        """
        shape = (len(rows), self.layers, self.features)
        size = math.prod(shape)
        if self._half.numel() < size:
            self._half = torch.empty(size, dtype=torch.float16)
        half = self._half[:size].view(shape)
        if self._memory is not None:
            torch.index_select(self._memory, 0, rows, out=half)
        else:
            self._read(rows, half)
        return out.copy_(half.to(out.device).permute(1, 0, 2))

    def _read(self, rows: torch.Tensor, out: torch.Tensor) -> None:
        size = _HALF * self.layers * self.features
        for row, place in zip(out.numpy(), rows.tolist(), strict=True):
            self._file.seek(place * size)
            if self._file.readinto(memoryview(row).cast("B")) != size:
                raise DataError("The temporary file of the embeddings was cut short.")


def largest_of(name: str, values: npt.NDArray[np.floating[Any]]) -> float:
    """Return the largest size of a layer's activations, (clip, feature).

    Raises
    ------
    DataError
        Some are NaN or infinite, or too large for the networks, which compute in single precision
        and square them.
    """
    pieces = [values[start : start + _ROWS] for start in range(0, len(values), _ROWS)]
    if not all(np.isfinite(piece).all() for piece in pieces):
        clip, feature = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"Layer {name!r} holds NaN or infinite activations (the first for clip {clip}, "
            f"feature {feature}): extract it again."
        )
    largest = max(float(np.abs(piece).max()) for piece in pieces)
    if largest > _LARGEST_SQUARED:
        raise DataError(
            f"Layer {name!r} holds activations up to {largest:.0e}, too large to be squared in "
            f"single precision: divide them by a power of 10."
        )
    return largest


@contextmanager
def _telling_where(size: int) -> Iterator[None]:
    """Tell the folder of temporary files where one cannot be written."""
    try:
        yield
    except OSError as error:
        # none where no folder can be written to: then the error names those that were tried
        folder = f"in {tempfile.tempdir} " if tempfile.tempdir else ""
        raise DataError(
            f"The embeddings, {size / 1e9:.1f} GB, cannot be written to a temporary file {folder}"
            f"({error.strerror or error}): set TMPDIR to a folder with so much room, or allow more "
            f"max_memory."
        ) from error
