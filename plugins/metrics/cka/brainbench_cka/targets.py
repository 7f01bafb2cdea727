"""From an assembly to one centred Gram matrix a subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.subjects import Subjects
from brainbench_audio.errors import DataError

from .gram import Array, unit_gram

LEAST = 4


def subject_grams(target: xr.DataArray, *, biased: bool) -> Subjects:
    """Return the centred Gram matrix of each subject, see `Subjects.of` and `gram.unit_gram`.

    Raises
    ------
    DataError
        Fewer than four stimuli, or no subject is left.
    """

    def gram(responses: npt.NDArray[np.floating[Any]]) -> Array | None:
        if len(responses) < LEAST:
            raise DataError(f"CKA needs at least {LEAST} stimuli, these are {len(responses)}.")
        return unit_gram(responses, biased=biased)

    return Subjects.of(target, gram, "These responses do not tell stimuli apart: {extent}.")
