"""What is tagged is what the files say."""

from __future__ import annotations

from pathlib import Path

from tools.released import ROOT, trouble


def test_all_files_name_the_version_of_the_tag(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n## 1.2.2\n")
    assert trouble("v1.2.3", tmp_path) == []
    assert len(trouble("v1.2.4", tmp_path)) == len(trouble("1.2.3", tmp_path)) == 3


def test_a_version_that_is_not_released_is_refused() -> None:
    (one,) = trouble("v0.1.0", ROOT)
    assert "CHANGELOG.md says '0.1.0 (not released)', the tag 'v0.1.0'" in one
