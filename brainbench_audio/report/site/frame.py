"""The frame of all pages: scripts, style, policy. Each page is one file that needs no other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from brainbench_audio.markup import Markup, inline_source
from brainbench_audio.report.site.templating import render

BOARD, COMPARISONS, CORRELATIONS = "index.html", "benchmarks.html", "correlations.html"
COMPARE, ADD = "compare.html", "add.html"
_FOLDERS = {"models": BOARD, "sounds": BOARD, "benchmarks": COMPARISONS}


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
        template: str,
        path: str,
        heading: str,
        *,
        scripts: tuple[str, ...] = (),
        media: bool = False,
        **records: Any,
    ) -> str:
        """Return a whole page.

        Parameters
        ----------
        template : str
            Name of a file in ``templates`` that fills ``frame.html``.
        path : str
            Of the page's file, below the site's folder; decides how links lead back.
        heading : str
            What stands in the title bar.
        scripts : tuple of str
            Names of files in ``static``, run one after another at the end of the page.
        media : bool
            Whether it plays files that lie beside it.
        **records
            What the template prints.
        """
        style, style_hash = _inline("style", "site.css")
        scripts = (*scripts, "live.js") if self.live else scripts
        script, script_hash = _inline("script", *scripts) if scripts else ("", "'none'")
        return render(
            template,
            site=self,
            path=path,
            root=up(path),
            current=_FOLDERS.get(path.partition("/")[0], path),
            heading=heading,
            policy=self._policy(style_hash, script_hash, media),
            style=style,
            script=script,
            media=media,
            **records,
        )

    def _policy(self, style: str, script: str, media: bool) -> str:
        # hashes, not 'self': what 'self' is in a file opened from disk differs between browsers
        parts = ["default-src 'none'", f"style-src {style}", f"script-src {script}"]
        if self.live:
            parts.append("connect-src 'self'")
        if media:
            parts.append("media-src 'self'")
        return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def up(path: str) -> str:
    """Return what leads from a page back to the site's folder.

    Examples
    --------
    >>> up("models/a.html"), up("index.html")
    ('../', '')
    """
    return "../" * path.count("/")


@cache
def _inline(kind: str, *names: str) -> tuple[Markup, str]:
    folder = resources.files("brainbench_audio.report.site") / "static"
    source = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    return inline_source(kind, source)
