"""Pickles that would hang or crash the interpreter are told from those that hold data."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.nesting import check_nesting

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers(), max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def shared(levels: int) -> Any:
    """Return tuples that each hold the one before twice: 2^levels to hash, few bytes to store."""
    value: Any = ()
    for _ in range(levels):
        value = (value, value)
    return value


@given(PLAIN, st.integers(0, 5))
def test_data_pass_in_every_protocol(value: Any, protocol: int) -> None:
    check_nesting(pickle.dumps(value, protocol))


@pytest.mark.parametrize("protocol", range(6))
def test_tables_and_weights_pass(protocol: int) -> None:
    state = OrderedDict((f"layer{place}.weight", np.ones((3, 4))) for place in range(500))
    check_nesting(pickle.dumps({"state": state, "names": [("a", 1)] * 5000}, protocol))


@pytest.mark.parametrize("protocol", range(6))
def test_shared_tuples_are_counted_each_time(protocol: int) -> None:
    check_nesting(pickle.dumps(shared(5), protocol))
    with pytest.raises(pickle.UnpicklingError, match="tuples are nested too deeply"):
        check_nesting(pickle.dumps(shared(60), protocol))


@pytest.mark.parametrize("protocol", range(1, 6))
@pytest.mark.parametrize("beside", [[1, 2], {1: 2, 3: 4}])
def test_lists_and_mappings_beside_them_hide_none(beside: Any, protocol: int) -> None:
    value: Any = ()
    for _ in range(60):
        value = (value, value, type(beside)(beside))
    with pytest.raises(pickle.UnpicklingError):
        check_nesting(pickle.dumps(value, protocol))


def test_sharing_through_the_stack_is_seen() -> None:
    doubled = pickletools.optimize(b"\x80\x04)" + b"2\x86" * 60 + b".")  # DUP, TUPLE2
    with pytest.raises(pickle.UnpicklingError):
        check_nesting(doubled)


def test_deep_tuples_are_refused() -> None:
    with pytest.raises(pickle.UnpicklingError):
        check_nesting(b"\x80\x04)" + b"\x85" * 2000 + b".")
    check_nesting(b"\x80\x04)" + b"\x85" * 100 + b".")


def test_deep_lists_are_no_keys_and_pass() -> None:
    check_nesting(b"\x80\x04" + b"]" * 3000 + b"a" * 2999 + b".")


def test_a_file_is_left_behind_the_pickle() -> None:
    file = io.BytesIO(pickle.dumps([1, 2]) + pickle.dumps(shared(60)) + b"rest")
    check_nesting(file)
    with pytest.raises(pickle.UnpicklingError):
        check_nesting(file)


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"no pickle at all"])
def test_what_is_no_pickle(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"pickle|opcode|unknown|exhausted"):
        check_nesting(data)
