"""Templates of pages: the only place that makes their environment.

Whatever a template prints is escaped unless it is `Markup`, which only `markup` and the drawings
that are made of its tags make.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension

from brainbench_audio.markup import inline_data, link, prose
from brainbench_audio.report.site.drawing import icon, number
from brainbench_audio.report.site.precision import error_text, interval_text, printed
from brainbench_audio.report.site.relations import rank_text


def render(template: str, **records: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        Name of a file in ``templates``.
    **records
        What it prints; a name that it uses and that is missing is an error.
    """
    return environment().get_template(template).render(records)


@cache
def environment() -> Environment:
    """Return what all templates share: escaping, and how numbers and looks are printed."""
    found = Environment(
        loader=PackageLoader("brainbench_audio.report.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        extensions=[_Flat],
    )
    found.filters |= {
        "icon": icon,
        "number": number,
        "printed": printed,
        "error_text": error_text,
        "interval_text": interval_text,
        "rank_text": rank_text,
        "prose": prose,
        "thousands": "{:,}".format,
    }
    found.globals |= {"inline_data": inline_data, "link": link}
    return found


class _Flat(Extension):
    """Leaves the indentation of templates out of pages, which it would make a tenth larger."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)
