"""Pages stand alone: their policy allows what they hold and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from brainbench_audio.markup import Markup, tag
from brainbench_audio.report.site.frame import BOARD, Frame, box, facts, table, up


def written(path: str = "index.html", *body: object, **options: object) -> str:
    frame = Frame("A & B", "made <today>")
    return frame.page(path, "Board", *body, **options)  # type: ignore[arg-type]


def policy(text: str) -> str:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found
    return found[1].replace("&#x27;", "'").replace("&#39;", "'")


def digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


@pytest.mark.parametrize("scripts", [("shared.js",), ("shared.js", "board.js")])
def test_the_policy_allows_exactly_the_style_and_script_of_the_page(
    scripts: tuple[str, ...],
) -> None:
    text = written(scripts=scripts)
    rules = policy(text)
    for kind in ("style", "script"):
        (source,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert f"{kind}-src '{digest(source)}'" in rules
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules


def test_a_page_without_scripts_forbids_them() -> None:
    text = written()
    assert "script-src 'none'" in policy(text)
    assert "<script" not in text


def test_live_pages_may_ask_their_server_and_nobody_else() -> None:
    text = Frame("Site", "", live=True).page("index.html", "Site", scripts=("shared.js",))
    rules = [rule.strip() for rule in policy(text).split(";")]
    assert "connect-src 'self'" in rules
    assert "default-src 'none'" in rules
    (source,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert f"script-src '{digest(source)}'" in rules
    assert "connect-src" not in policy(Frame("Site", "").page("index.html", "Site"))


def test_the_policy_comes_before_what_it_could_forbid() -> None:
    text = written(scripts=("shared.js",))
    assert text.index("Content-Security-Policy") < text.index("<style") < text.index("<script")


def test_words_are_escaped_and_markup_is_kept() -> None:
    text = written("index.html", "1 < 2", tag("b", "bold"))
    assert "1 &lt; 2" in text
    assert "<b>bold</b>" in text
    assert "made &lt;today&gt;" in text
    assert "<title>Board – A &amp; B</title>" in text


def test_the_first_page_is_called_as_the_site() -> None:
    assert "<title>Site</title>" in Frame("Site", "").page("index.html", "Site")


@pytest.mark.parametrize(
    ("path", "links", "current"),
    [
        ("index.html", "index.html", ("index.html", "page")),
        ("models/a.html", "../index.html", ("../index.html", "true")),
        ("benchmarks/b.html", "../index.html", ("../benchmarks.html", "true")),
        ("correlations.html", "index.html", ("correlations.html", "page")),
    ],
)
def test_the_navigation_leads_back_and_says_where_one_is(
    path: str, links: str, current: tuple[str, str]
) -> None:
    text = written(path)
    assert re.findall(r'<a href="([^"]*)" class="name"', text) == [links]
    marked = re.findall(r'<a href="([^"]*)" aria-current="([^"]*)"', text)
    assert marked == [current]
    assert up(path) + BOARD == links


def test_a_table_marks_its_heads_and_numbers() -> None:
    text = table(("model", "score"), [["a<b", "0.5"], ["c", None]], "Scores", numeric=(1,))
    assert '<th scope="row">a&lt;b</th><td class="number">0.5</td>' in text
    assert '<th scope="col" class="number">score</th>' in text
    assert text.count("<tr>") == 3
    assert 'class="hidden"' not in text
    assert 'class="hidden"' in table(("a",), [], "said already", heard=True)


def test_a_box_can_be_reached_and_has_a_name() -> None:
    text = box(Markup("<b></b>"), "x & y")
    assert 'tabindex="0"' in text
    assert 'aria-label="x &amp; y"' in text


def test_facts_leave_out_what_is_empty_but_not_zero() -> None:
    text = facts([("a", None), ("b", ""), ("c", 0), ("d", ()), ("e", [])])
    assert text == '<dl class="facts"><dt>c</dt><dd>0</dd></dl>'
