"""Says whether the source is ready to be released under a tag: `python tools/released.py v1.2.3`.

The version of the core, that of CITATION.cff and the newest heading of the changelog have to be
the tag's.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def trouble(tag: str, root: Path = ROOT) -> list[str]:
    """Return what is in the way of a release, a sentence each."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    said = {
        "pyproject.toml": project["version"],
        "CITATION.cff": _first(r"^version: (.+)$", citation),
        "CHANGELOG.md": _first(r"^## (.+)$", changes),
    }
    return [
        f"{file} says {version!r}, the tag {tag!r}: write {tag.removeprefix('v')!r} there."
        for file, version in said.items()
        if f"v{version}" != tag
    ]


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit("\n".join(trouble(sys.argv[1])))
