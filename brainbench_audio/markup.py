"""HTML that is escaped by construction.

Whatever is put into `tag` is escaped unless it is `Markup`, and only this module, and the drawings
that are made of its tags, make `Markup`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from brainbench_audio.files import json_ready

_VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
_SPECIAL = str.maketrans(
    {sign: f"\\u{ord(sign):04x}" for sign in ("<", ">", "&", "\u2028", "\u2029")}
)
_ALLOWED = ("https://", "http://")


class Markup(str):
    """Text that is HTML already; templates take it as it is, too."""

    __slots__ = ()

    def __html__(self) -> Markup:
        return self


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Return one element.

    Parameters
    ----------
    name : str
        Of the element.
    *children
        `Markup` is taken as it is, None is left out, iterables are flattened, and the text of
        anything else is escaped.
    **attributes
        ``class_`` becomes ``class`` and ``aria_label`` ``aria-label``; None and False are left out,
        True is an attribute without value.

    Examples
    --------
    >>> tag("a", "R² < 1", href="x.html", class_="small")
    '<a href="x.html" class="small">R² &lt; 1</a>'
    """
    start = f"<{name}{''.join(_attributes(attributes))}>"
    if name in _VOID:
        return Markup(start)
    return Markup(f"{start}{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Markup:
    """Return some children one after another, escaped as `tag` does."""
    return Markup("".join(_text(child) for child in children))


def link(text: Any, address: str) -> Markup:
    """Return a link to an address of the web; only the text if the address is of another kind.

    Examples
    --------
    >>> link("source", "javascript:alert(1)")
    'source'
    """
    if not address.startswith(_ALLOWED):
        return join([text])
    return tag("a", text, href=address, rel="noreferrer")


def prose(text: str) -> Markup:
    """Return a text in which words between backticks are code.

    Examples
    --------
    >>> prose("`cv` & others")
    '<code>cv</code> &amp; others'
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one backtick has no partner
        return join([text])
    return join(tag("code", one) if place % 2 else one for place, one in enumerate(pieces))


def inline_data(identifier: str, value: Any) -> Markup:
    r"""Return a script element that holds data and runs nothing.

    Examples
    --------
    >>> print(inline_data("board", ["</script>"]))
    <script type="application/json" id="board">["\u003c/script\u003e"]</script>
    """
    text = json.dumps(json_ready(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    safe = Markup(text.translate(_SPECIAL))
    return tag("script", safe, type="application/json", id=identifier)


def inline_source(name: str, source: str) -> tuple[Markup, str]:
    """Return a script or style element and what a content security policy calls it.

    Raises
    ------
    ValueError
        The source would end its own element.
    """
    if f"</{name}" in source.lower():
        raise ValueError(f"a {name} must not contain </{name}")
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return tag(name, Markup(source)), f"'sha256-{digest}'"


def _text(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str) or not isinstance(child, Iterable):
        return escape(str(child))
    return join(child)


def _attributes(attributes: Mapping[str, Any]) -> Iterable[str]:
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        yield f" {written}" if value is True else f' {written}="{escape(str(value))}"'
