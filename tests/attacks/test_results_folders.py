"""Folders of results that strangers add to: no way out of the folder, and no text is markup."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.pipeline.reproduce import read_result
from brainbench_audio.report.export import export
from brainbench_audio.report.folder_results import folder_results
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.sharing.checkout import branch_name
from brainbench_audio.sharing.declared import read_card
from brainbench_audio.sharing.folder import Submission, plan_submission
from brainbench_audio.sharing.record import read_record, record_text
from brainbench_audio.sharing.validation import validate

HOSTILE = '<script>alert("x")</script>'
CARD = dict.fromkeys(("id", "label", "family", "licence", "training_data", "source"), HOSTILE)
FINGERPRINT = "1a2b3c4d" + "0" * 56
ABOUT = {
    "identity": {
        "id": HOSTILE,
        "source": HOSTILE,
        "version": FINGERPRINT[:8],
        "fingerprint": FINGERPRINT,
    },
    "versions": {"brainbench-audio": "0.1.0", HOSTILE: HOSTILE},
    "citations": {"model": HOSTILE},
    "folds": HOSTILE,
}


@pytest.fixture
def hostile(keep: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder of results whose every text is markup."""
    folder = tmp_path / "lab"
    assert main(["new", "results", "lab", "--output", str(folder)]) == 0
    keep(HOSTILE, "SimCortex-rsa", 0.5, layer=HOSTILE, parts={HOSTILE: 0.5}, provenance=ABOUT)
    assert main(["results", "submit", "--to", str(folder), "--by", HOSTILE]) == 0
    (card,) = folder.glob("models/*.json")
    card.write_text(json.dumps(CARD))
    return folder


def test_no_text_becomes_markup(hostile: Path, tmp_path: Path) -> None:
    arguments = ["report", "--results", str(hostile), "-o", str(tmp_path / "pages")]
    assert main([*arguments, "--published", "none", "--title", HOSTILE]) == 0
    pages = list((tmp_path / "pages").rglob("*.html"))
    assert len(pages) >= 4
    for text in (page.read_text(encoding="utf-8") for page in pages):
        assert "<script>alert" not in text
    assert any("&lt;script&gt;alert" in page.read_text(encoding="utf-8") for page in pages)


def test_links_are_never_followed(hostile: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (hostile / "results" / "SimCortex-rsa").rename(outside)
    (hostile / "results" / "SimCortex-rsa").symlink_to(outside)
    with pytest.raises(DataError, match="is a link"):
        plan_submission(hostile, stored_scores(), "Ann")
    (record,) = outside.rglob("*.json")
    (tmp_path / "link.json").symlink_to(record)
    for read in (read_record, read_card):
        with pytest.raises(DataError, match="is no file"):
            read(tmp_path / "link.json")


@pytest.mark.parametrize(
    "fields",
    [
        {"label": 1},
        {"licence": ""},
        {"layers": "all"},
        {"layers": [1]},
        {"parameters": -1},
        {"sample_rate": "16000"},
        {"citation": "x" * 20_000},
        {"loader": "os:system"},
    ],
)
def test_cards_that_are_none(tmp_path: Path, fields: dict[str, object]) -> None:
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    assert read_card(tmp_path / "card.json").loader == ""
    (tmp_path / "card.json").write_text(json.dumps(CARD | fields))
    with pytest.raises(DataError, match=r"card\.json"):
        read_card(tmp_path / "card.json")


@pytest.mark.parametrize("name", ["--upload-pack=x", "$(touch ran)", "../../main", "x\ny", "é", ""])
def test_a_name_is_no_option_of_git(name: str) -> None:
    branch = branch_name(Submission(files={}, known=0, conflicts=()), name)
    top, _, rest = branch.partition("/")
    assert top == "results"
    assert rest.replace("-", "").isalnum()
    assert rest.isascii()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, "\ud800", "\x1b[31m", HOSTILE, json.loads("[" * 200 + "]" * 200)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_records_with_anything_in_them(hostile: Path, tmp_path: Path, data: st.DataObject) -> None:
    """They are read, or refused with a clear error."""
    (path,) = hostile.glob("results/*/*/*.json")
    content = json.loads(record_text(stored_scores()[0], "Ann"))
    for _ in range(data.draw(st.integers(1, 2))):
        inner = content["provenance"] if data.draw(st.booleans()) else content
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(JSON)
        if not content["provenance"] or not isinstance(content["provenance"], dict):
            break  # nothing is left in it to draw from
    path.write_text(json.dumps(content))
    validate(hostile)
    with suppress(DataError):
        results, _ = folder_results(hostile)
        for ending in ("csv", "json", "tex"):
            export(results, tmp_path / f"all.{ending}")
        read_result(path)


@pytest.mark.slow
def test_a_whole_field_is_validated_in_seconds(hostile: Path) -> None:
    """36 models on 40 benchmarks."""
    (entry,) = stored_scores()
    content = json.loads(record_text(entry, "Ann"))
    for number in range(36 * 40):
        model, benchmark = f"model-{number % 36}", f"Data.part{number // 36}-x"
        content["provenance"] |= {"model": model, "benchmark": benchmark}
        content["provenance"]["identity"]["id"] = model
        content["value"] = number / 1e4
        place = hostile / "results" / benchmark / model / f"{FINGERPRINT[:8]}.json"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(content))
    started = time.perf_counter()
    number, _ = validate(hostile)
    assert number == 36 * 40 + 1
    assert time.perf_counter() - started < 10
