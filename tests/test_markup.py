"""Nothing that is put into a page is taken for HTML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.markup import (
    Markup,
    inline_data,
    inline_source,
    join,
    link,
    prose,
    tag,
)

TEXT = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=30)


class Heard(HTMLParser):
    """What a parser makes of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_text_and_attributes_come_back_as_they_were(text: str, value: str) -> None:
    heard = Heard(tag("p", text, title=value))
    assert heard.tags == [("p", {"title": value})]
    assert heard.text == text


@given(st.recursive(st.none() | st.integers() | TEXT, lambda one: st.lists(one, max_size=3)))
def test_data_come_back_and_never_end_their_script(value: object) -> None:
    written = inline_data("data", value)
    inside = written[written.index(">") + 1 : written.rindex("<")]
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside) == value


def test_what_json_cannot_say() -> None:
    assert "[null,null,1.5]" in inline_data("data", (float("nan"), float("inf"), 1.5))


def test_nesting() -> None:
    inner = tag("b", "&")
    assert inner == "<b>&amp;</b>"
    assert tag("p", inner, None, ["<", [inner]], 3) == "<p><b>&amp;</b>&lt;<b>&amp;</b>3</p>"
    assert tag("input", checked=True, hidden=False, value=None, class_="x") == (
        '<input checked class="x">'
    )
    # text that was joined to markup is no markup
    assert join([Markup("<b>") + "<i>"]) == "&lt;b&gt;&lt;i&gt;"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "x", "//host"])
def test_links_lead_to_the_web_only(address: str) -> None:
    assert link("<x>", address) == "&lt;x&gt;"


def test_link_and_prose() -> None:
    assert Heard(link("a", 'https://x.org/"')).tags[0][1]["href"] == 'https://x.org/"'
    assert prose("`<a>` and `b`") == "<code>&lt;a&gt;</code> and <code>b</code>"
    assert prose("one ` only") == "one ` only"


def test_sources_stay_within_their_element() -> None:
    element, digest = inline_source("script", "let x = 1 < 2;")
    assert element == "<script>let x = 1 < 2;</script>"
    # openssl dgst -sha256 -binary | base64
    assert digest == "'sha256-PDkPTHk/rals6wkB9INpTmZsCrgwzrubCzdpa28TIo8='"
    with pytest.raises(ValueError, match="must not contain"):
        inline_source("script", "'</SCRIPT>'")
