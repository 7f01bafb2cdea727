"""Options that all metrics share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.scores.chance import chance_p
from brainbench_audio.scores.options import LEAST, MOST, check_options


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("permutations", (None, 0, LEAST, MOST, np.int64(99))),
        ("bootstrap", (None, 0, 2, MOST)),
        ("seed", (0, 1, 2**70, np.uint8(3))),
        ("max_memory", (None, 1, 4e9, np.float32(1e9))),
    ],
)
def test_what_options_may_be(option: str, values: tuple[Any, ...]) -> None:
    for value in values:
        check_options(**{option: value})


@pytest.mark.parametrize(
    ("option", "values", "told"),
    [
        ("permutations", (-1, 1, LEAST - 1, MOST + 1, 20.5, "99"), "at least 19 permutations"),
        ("bootstrap", (-1, 1, MOST + 1, 2.5, "5"), "at least 2 draws"),
        ("seed", (-1, 1.5, "1", None, [1]), "A seed is a whole number"),
        ("max_memory", (0, -1, "4GB", float("inf"), 1j), "max_memory is a number of bytes"),
    ],
)
def test_what_options_cannot_be(option: str, values: tuple[Any, ...], told: str) -> None:
    for wrong in (*values, True, float("nan")):
        with pytest.raises(DataError, match=f"{told}.* got "):
            check_options(**{option: wrong})


def test_fewer_permutations_can_give_no_small_p() -> None:
    assert chance_p(1.0, np.zeros(LEAST)) == 0.05
