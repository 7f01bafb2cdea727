"""Tables from several pandas, and pickles that ask for more than a table needs."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from brainbench_natsound165 import safe_pickle
from brainbench_natsound165.safe_pickle import read_table

from brainbench_audio.errors import DataError

HERE = Path(__file__).parent
OLD = sorted(HERE.glob("table-pandas-*.pkl"))
TABLE = pd.DataFrame(
    {
        "voxel_id": np.arange(5),
        "subj_idx": np.arange(5, dtype=np.uint8),
        "x_ras": np.linspace(0, 1, 5),
        "y_ras": np.linspace(1, 2, 5).astype(np.float32),
        "hemi": ["lh", "rh", None, "lh", np.nan],
        "any_roi": [True, False, True, True, False],
    }
)


def same(found: dict[str, np.ndarray], expected: pd.DataFrame) -> bool:
    """Compare with pandas' own reading; missing values agree with missing values."""
    return list(found) == list(expected.columns) and all(
        pd.Series(found[name]).isna().tolist() == expected[name].isna().tolist()
        and pd.Series(found[name]).dropna().tolist() == expected[name].dropna().tolist()
        for name in expected
    )


def global_(module: str, name: str) -> bytes:
    """Return the instructions that push ``module.name``."""
    parts = [b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)]
    return b"".join(parts) + b"\x93"


def program(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_tables_that_pandas_1_1_4_and_numpy_1_19_1_wrote(path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        expected = pd.read_pickle(path)
    table = read_table(path)
    assert same(table, expected)
    assert table["roi_label_general"].dtype == object
    assert {"subj_idx", "hemi", "x_ras", "voxel_id", "coord_id", "shared_by"} <= set(table)


def test_there_are_old_tables() -> None:
    assert len(OLD) == 2


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("rows", [slice(None), slice(1, 4), slice(0, 0)])
def test_tables_that_todays_pandas_writes(tmp_path: Path, protocol: int, rows: slice) -> None:
    path = tmp_path / "table.pkl"
    TABLE[rows].to_pickle(path, protocol=protocol)
    assert same(read_table(path), TABLE[rows])


@pytest.mark.data
def test_the_made_up_table_with_an_int64index(data_folder: Path) -> None:
    path = data_folder / "fixtures" / "df_roi_meta_pandas1.pkl"
    with warnings.catch_warnings(action="ignore"):
        expected = pd.read_pickle(path)
    table = read_table(path)
    assert same(table, expected)
    assert len(table["voxel_id"]) == 200


def hostile(witness: Path) -> dict[str, bytes]:
    """Return pickles that would leave a trace at ``witness`` if they ran."""
    shell, code = f"touch {witness}", f"open({str(witness)!r}, 'w')"
    payload, content = witness.with_suffix(".payload"), pickle.dumps(Call(os.system, shell))
    if witness.parent.is_dir():
        payload.write_bytes(content)
    table = pickle.dumps(TABLE)
    calls = {
        "os.system": Call(os.system, shell),
        "builtins.eval": Call(eval, code),
        "builtins.exec": Call(exec, code),
        "builtins.open": Call(open, str(witness), "w"),
        "builtins.getattr": Call(getattr, TABLE, "eval"),
        "builtins.__import__": Call(builtins.__import__, "os"),
        "subprocess.Popen": Call(subprocess.Popen, shell),
        "pandas.read_pickle": Call(pd.read_pickle, str(payload)),
        "pandas.eval": Call(pd.eval, f"@{code}"),
        "numpy.load": Call(np.load, str(payload), None, True),
        "numpy.fromfile": Call(np.fromfile, str(payload)),
        "numpy.memmap": Call(np.memmap, str(witness), "u1", "w+", 0, 9),
        "pickle.loads": Call(pickle.loads, content),
        "inside a table": pd.DataFrame({"a": [Call(os.system, shell)]}),
    }
    text = b"\x8c" + bytes([len(shell)]) + shell.encode() + b"\x85R"
    dotted = {
        name: program(global_(*name.split(":")), text)
        for name in (
            "pandas.core.frame:DataFrame.to_csv",
            "pandas.core.frame:DataFrame.eval",
            "pandas.core.frame:DataFrame.__init__.__globals__",
            "numpy:ndarray.tofile",
            "pandas.io.common:get_handle",
            "pandas.core.computation.eval:eval",
            "numpy.core.multiarray:fromfile",
            "posix:system",
            "functools:partial",
            "copyreg:_reconstructor",
        )
    }
    extension = program(b"\x82\x01", text)
    return {
        **{name: pickle.dumps(call, 4) for name, call in calls.items()},
        **dotted,
        "an extension code": extension,
        "a persistent id": program(b"X\x01\x00\x00\x00aQ"),
        "after a table": table[:-1] + b"0" + pickle.dumps(Call(os.system, shell), 4)[2:],
    }


@pytest.mark.parametrize("name", hostile(Path("nowhere", "witness")))
def test_a_hostile_pickle_is_refused_and_nothing_runs(tmp_path: Path, name: str) -> None:
    path, witness = tmp_path / "df_roi_meta.pkl", tmp_path / "witness"
    path.write_bytes(hostile(witness)[name])
    with pytest.raises(DataError, match=r"df_roi_meta\.pkl"):
        read_table(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("os.system", f"{os.system.__module__}.system"),
        ("pandas.eval", r"pandas.*eval"),
        ("pandas.core.frame:DataFrame.eval", r"pandas\.core\.frame\.DataFrame\.eval"),
        ("numpy.memmap", r"numpy.*memmap"),
    ],
)
def test_the_error_names_what_was_asked_for(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / "table.pkl"
    path.write_bytes(hostile(tmp_path / "witness")[name])
    with pytest.raises(DataError, match=f"asks for {told}"):
        read_table(path)


def test_every_admitted_name_leads_to_this_module() -> None:
    for stand_in in safe_pickle._STAND_INS.values():
        assert type(stand_in).__module__ == safe_pickle.__name__


NONE_AND_DICT = b"N}\x8c\x01xK\x01s\x86b"  # state (None, {"x": 1}), then BUILD


@pytest.mark.parametrize(("module", "name"), sorted(safe_pickle._STAND_INS))
def test_a_pickle_cannot_change_what_later_ones_use(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "table.pkl"
    for state in (NONE_AND_DICT, b"}\x8c\x01xK\x01sb"):
        path.write_bytes(program(global_(module, name), state))
        with pytest.raises(DataError):
            read_table(path)
    assert not hasattr(safe_pickle._STAND_INS[module, name], "x")


def array(dtype: np.dtype[Any], state: tuple[Any, ...]) -> bytes:
    """Return a pickled array whose state does not come from numpy."""
    made, arguments, _ = np.empty(1).__reduce__()  # type: ignore[misc]

    class Forged:
        def __reduce__(self) -> tuple[Any, ...]:
            return made, arguments, (1, state[0], dtype, False, state[1])

    return pickle.dumps(Forged(), 4)


@pytest.mark.parametrize(
    "content",
    [
        array(np.dtype("O"), ((2,), b"\x01" * 16)),
        array(np.dtype("f8"), ((1 << 40,), b"")),
        array(np.dtype("f8"), ((-1,), b"")),
        array(np.dtype("f8"), ((2,), b"1234567")),
        array(np.dtype("O"), ((3,), [1, 2])),
        array(np.dtype([("a", "O")]), ((1,), b"12345678")),
        array(np.dtype("O"), ((1,), [[1]])),
        program(b"K\x01r\xff\xff\xff\xff"),
        program(b"]" * 3 + b"K\x01"),
        pickle.dumps({"a": 1}),
        b"",
        b"no pickle at all",
        pickle.dumps(TABLE)[:200],
    ],
    ids=lambda content: repr(content[-20:]),
)
def test_forged_or_damaged_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"table\.pkl is no pickled pandas table"):
        read_table(path)


def test_a_missing_or_huge_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_table(tmp_path / "table.pkl")
    with (tmp_path / "huge.pkl").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match="more than 256 MB"):
        read_table(tmp_path / "huge.pkl")
