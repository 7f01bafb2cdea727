"""A tab of a real browser that tests look over. Screenshots go to ``build/screenshots``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"


class Visit:
    """One tab, and everything it complained about or asked the network for."""

    def __init__(self, tab: Any, folder: Path) -> None:
        self.tab, self.folder = tab, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def complain(self, message: Any) -> None:
        self.complaints.append(str(getattr(message, "text", message)))

    def request(self, request: Any) -> None:
        self.requests.append(str(request.url))

    def answer(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, name: str, behind: str = "") -> Any:
        path = sorted(self.folder.glob(name))[0]
        # a page that is there already would only change what is behind the #
        self.tab.goto("about:blank")
        self.tab.goto(path.as_uri() + behind)
        return self.tab

    def column(self, number: int) -> list[str]:
        """Return the texts of one column of the leaderboard, the first word of each."""
        cells = self.tab.locator(f"#board tbody tr > :nth-child({number})").all_inner_texts()
        return [str(cell).split("\n")[0] for cell in cells]

    def place(self, identifier: str) -> int:
        """Return the number of the column of a benchmark."""
        heads = self.tab.locator("#board thead tr:last-child th")
        shown = heads.evaluate_all(
            "all => all.map((one) => one.querySelector('button')?.dataset.sort)"
        )
        return int(shown.index(identifier)) + 1

    def values(self, number: int) -> list[float]:
        texts = [text.replace("≈", "").replace("−", "-") for text in self.column(number)]
        return [float(text) for text in texts if text.strip() != "–"]


def shoot(tab: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=str(SCREENSHOTS / f"{name}.png"))
