"""Ids, taken apart in one place."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.errors import UnknownId
from brainbench_audio.registry.ids import BenchmarkId, ModelId

SCHEMES = ("hf:", "torchaudio:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vggish", ModelId(name="vggish")),
        ("beats-iter1@permuted", ModelId(name="beats-iter1", control="permuted")),
        ("encodecmae-base@step=1000", ModelId(name="encodecmae-base", step=1000)),
        ("my-cnn#1a2b", ModelId(name="my-cnn", version="1a2b")),
        (
            "dist:my-cnn@step=3#tag",
            ModelId(name="my-cnn", distribution="dist", step=3, version="tag"),
        ),
        ("hf:owner/name", ModelId(name="hf:owner/name", scheme="hf:")),
        ("hf:owner/name@main", ModelId(name="hf:owner/name@main", scheme="hf:")),
        (
            "hf:owner/name@main@permuted",
            ModelId(name="hf:owner/name@main", scheme="hf:", control="permuted"),
        ),
        (
            "brainbench-hub:hf:o/n#ab12",
            ModelId(name="hf:o/n", scheme="hf:", distribution="brainbench-hub", version="ab12"),
        ),
        ("hf:", ModelId(name="", distribution="hf")),
        ("/a.b/m.py:Net", ModelId(name="Net", file=Path("/a.b/m.py"))),
        ("m.py:Net@step=2#old", ModelId(name="Net", file=Path("m.py"), step=2, version="old")),
        ("x.py/m.py:Net", ModelId(name="Net", file=Path("x.py/m.py"))),
    ],
)
def test_models(text: str, expected: ModelId) -> None:
    assert ModelId.parse(text, SCHEMES) == expected
    if text != "hf:":
        assert str(expected) == text


def test_a_file_in_a_folder_with_an_at() -> None:
    parsed = ModelId.parse("/home/me@work/m.py:Net", SCHEMES)
    assert (parsed.file, parsed.name) == (Path("/home/me@work/m.py"), "Net")


@pytest.mark.parametrize("text", ["vggish@permute", "m.py:Net@step=", "vggish@", "vggish@step=-1"])
def test_what_stands_behind_the_at(text: str) -> None:
    with pytest.raises(UnknownId, match="There is no model"):
        ModelId.parse(text, SCHEMES)


def test_an_empty_version() -> None:
    with pytest.raises(UnknownId, match="lacks a version"):
        ModelId.parse("vggish#", SCHEMES)


def test_a_file_is_named_for_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = ModelId.parse("./m.py:Net@step=2").absolute()
    assert str(absolute) == f"{tmp_path}/m.py:Net@step=2"


_word = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True)


_model = st.from_regex(r"[A-Za-z0-9_:/.@=#-]+", fullmatch=True)


@given(_word, st.none() | _word, _word, st.none() | _word, st.none() | _model, st.none() | _word)
def test_benchmarks(
    dataset: str,
    subset: str | None,
    metric: str,
    variant: str | None,
    other: str | None,
    distribution: str | None,
) -> None:
    made = BenchmarkId(
        dataset=dataset,
        subset=subset,
        metric=metric,
        variant=variant,
        given=other,
        distribution=distribution,
    )
    assert BenchmarkId.parse(str(made)) == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my-lab:D[a,b]-m", BenchmarkId(distribution="my-lab", dataset="D", metric="m")),
        (
            "lab:D.s[a,b]-m-v",
            BenchmarkId(distribution="lab", dataset="D", subset="s", metric="m", variant="v"),
        ),
        (
            "D[a,b]-m-unique=my-lab:x[1]",
            BenchmarkId(dataset="D", metric="m", variant="unique", given="my-lab:x[1]"),
        ),
        (
            "D[a,b]-m-from=my-lab:E[c]",
            BenchmarkId(dataset="D", metric="m", variant="from", second="my-lab:E[c]"),
        ),
    ],
)
def test_categories_of_sounds(text: str, expected: BenchmarkId) -> None:
    assert BenchmarkId.parse(text) == replace(expected, categories=("a", "b"))
    assert str(BenchmarkId.parse(text)) == text


def test_an_id_in_two_unicode_forms_is_one_id() -> None:
    for text in ("modèle", "./modele.py:Modèle", "dist:modèle@step=3#tég"):
        apart = unicodedata.normalize("NFD", text)
        assert apart != text
        assert ModelId.parse(apart, ()) == ModelId.parse(text, ())


@pytest.mark.parametrize("wrong", [None, 3, b"vggish", ["vggish"]])
def test_what_is_no_text_is_no_id(wrong: Any) -> None:
    for kind in (ModelId, BenchmarkId):
        with pytest.raises(UnknownId, match="An id is a text, such as 'vggish', this one is"):
            kind.parse(wrong)
