"""The frame of all pages: head, navigation, policy. Each page is one file that needs no other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from brainbench_audio.markup import Markup, inline_source, join, tag

BOARD, COMPARISONS, CORRELATIONS = "index.html", "benchmarks.html", "correlations.html"
COMPARE, ADD = "compare.html", "add.html"
_NAVIGATION = (
    (BOARD, "Leaderboard"),
    (COMPARISONS, "Benchmarks"),
    (CORRELATIONS, "Correlations"),
    (COMPARE, "Compare"),
    (ADD, "Add a model"),
)


@dataclass(frozen=True)
class Frame:
    """What all pages of a site share.

    Attributes
    ----------
    title, note : str
        Title of the site and the line at the foot of each page.
    live : bool
        Whether pages ask their server if results have changed.
    """

    title: str
    note: str
    live: bool = False

    def page(
        self,
        path: str,
        heading: str,
        *body: Any,
        scripts: tuple[str, ...] = (),
        wide: bool = False,
    ) -> str:
        """Return a whole page.

        Parameters
        ----------
        path : str
            Of its file, below the site's folder; decides how links lead back.
        heading : str
            What stands in the title bar.
        *body
            Content of ``main``.
        scripts : tuple of str
            Names of files in ``static``, run one after another at the end of the page.
        wide : bool
            Whether the content takes the whole width of the window.
        """
        style, style_hash = _inline("style", "site.css")
        scripts = (*scripts, "live.js") if self.live else scripts
        script, script_hash = _inline("script", *scripts) if scripts else (None, "'none'")
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            # the policy comes before anything that it could forbid
            self._policy(style_hash, script_hash),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", heading if heading == self.title else f"{heading} – {self.title}"),
            style,
        )
        top = tag("div", _name(path, self.title), _navigation(path), class_="wrap")
        content = tag(
            "body",
            tag("a", "Skip to content", href="#content", class_="skip"),
            tag("header", top),
            tag("main", body, id="content", class_="wrap", tabindex="-1"),
            tag("footer", tag("div", self.note, class_="wrap")),
            script,
            class_="wide" if wide else None,
        )
        return f"<!DOCTYPE html>\n{tag('html', head, content, lang='en')}\n"

    def _policy(self, style: str, script: str) -> Markup:
        # hashes, not 'self': what 'self' is in a file opened from disk differs between browsers
        parts = ["default-src 'none'", f"style-src {style}", f"script-src {script}"]
        if self.live:
            parts.append("connect-src 'self'")
        parts += ["base-uri 'none'", "form-action 'none'"]
        return tag("meta", http_equiv="Content-Security-Policy", content="; ".join(parts))


def table(
    head: tuple[Any, ...],
    rows: list[list[Any]],
    caption: str,
    *,
    numeric: tuple[int, ...] = (),
    heard: bool = False,
) -> Markup:
    """Return a table in a box of its own that scrolls.

    Parameters
    ----------
    head : tuple
    rows : list of list
        The first cell of a row names it.
    caption : str
    numeric : tuple of int
        Columns of numbers.
    heard : bool
        The caption only says what is seen already, so it is for screen readers alone.
    """

    def row(cells: list[Any]) -> Markup:
        return tag(
            "tr",
            tag("th", cells[0], scope="row"),
            [
                tag("td", cell, class_="number" if place in numeric else None)
                for place, cell in enumerate(cells[1:], start=1)
            ],
        )

    top = [
        tag("th", name, scope="col", class_="number" if place in numeric else None)
        for place, name in enumerate(head)
    ]
    return box(
        tag(
            "table",
            tag("caption", tag("span", caption), class_="hidden" if heard else None),
            tag("thead", tag("tr", top)),
            tag("tbody", [row(cells) for cells in rows]),
        ),
        caption,
    )


def box(content: Markup, label: str, kind: str = "box") -> Markup:
    """Return a box that scrolls, also with the keyboard; its label is unique on the page."""
    return tag("section", content, class_=kind, aria_label=label, tabindex="0")


def controls(identifier: str, words: str, *content: Any, kind: str | None = None) -> Markup:
    """Return controls of a script, hidden until it runs. Nothing is sent, so they are no form."""
    legend = tag("legend", words, class_="hidden")
    return tag("fieldset", legend, content, id=identifier, class_=kind, hidden=True)


def code(text: str, label: str, **attributes: Any) -> Markup:
    """Return a text to copy, which scrolls with the keyboard, too."""
    return tag("pre", text, tabindex="0", role="group", aria_label=label, **attributes)


def facts(pairs: list[tuple[str, Any]]) -> Markup:
    """Return a list of names and values; empty values are left out."""
    known = [(name, value) for name, value in pairs if value not in (None, "", [], ())]
    return tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in known], class_="facts")


def up(path: str) -> str:
    """Return what leads from a page back to the site's folder.

    Examples
    --------
    >>> up("models/a.html"), up("index.html")
    ('../', '')
    """
    return "../" * path.count("/")


def published_chip() -> Markup:
    """Return the word that marks a published number."""
    return tag("span", "published", class_="chip")


def _name(path: str, site: str) -> Markup:
    return tag("a", site, href=up(path) + BOARD, class_="name")


def _navigation(path: str) -> Markup:
    folders = {"models": BOARD, "sounds": BOARD, "benchmarks": COMPARISONS}
    current = folders.get(path.partition("/")[0], path)
    items = []
    for target, name in _NAVIGATION:
        here = ("page" if target == path else "true") if target == current else None
        items.append(tag("li", tag("a", name, href=up(path) + target, aria_current=here)))
    return tag("nav", tag("ul", items), aria_label="Site")


@cache
def _inline(kind: str, *names: str) -> tuple[Markup, str]:
    folder = resources.files("brainbench_audio.report.site") / "static"
    source = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    return inline_source(kind, join([Markup(source)]))
