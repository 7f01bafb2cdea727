"""Pages stand alone: their policy allows what they hold and nothing else; templates escape."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

import pytest
from jinja2 import UndefinedError

from brainbench_audio.markup import join, tag
from brainbench_audio.report.site.frame import BOARD, Frame, up
from brainbench_audio.report.site.templating import environment

TEMPLATES = {
    one.name: one.read_text(encoding="utf-8")
    for one in (resources.files("brainbench_audio.report.site") / "templates").iterdir()
}
EVIL = "</p><img src=x onerror=alert(1)>'\""


def written(path: str = "index.html", **options: object) -> str:
    frame = Frame("A & B", "made <today>")
    return frame.page("add.html", path, "Board", **options)  # type: ignore[arg-type]


def part(call: str, **records: object) -> str:
    text = f'{{% import "parts.html" as parts with context %}}{call}'
    return environment().from_string(text).render(records)


def policy(text: str) -> str:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found
    return found[1].replace("&#39;", "'")


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
    frame = Frame("Site", "", live=True)
    text = frame.page("add.html", "index.html", "Site", scripts=("shared.js",))
    rules = [rule.strip() for rule in policy(text).split(";")]
    assert "connect-src 'self'" in rules
    assert "default-src 'none'" in rules
    (source,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert f"script-src '{digest(source)}'" in rules
    assert "connect-src" not in policy(written())


def test_only_pages_that_play_sounds_may_load_them() -> None:
    assert "media-src 'self'; " in policy(written(media=True))
    assert "media-src" not in policy(written())


def test_the_policy_comes_before_what_it_could_forbid() -> None:
    text = written(scripts=("shared.js",))
    assert text.index("Content-Security-Policy") < text.index("<style") < text.index("<script")


def test_all_scripts_together_are_small() -> None:
    # docs/architecture.md holds it against libraries that draw
    static = resources.files("brainbench_audio.report.site") / "static"
    sizes = [len(one.read_bytes()) for one in static.iterdir() if one.name.endswith(".js")]
    assert len(sizes) > 5
    assert sum(sizes) < 64_000


def test_words_are_escaped() -> None:
    text = written()
    assert "made &lt;today&gt;" in text
    assert "<title>Board – A &amp; B</title>" in text


def test_the_first_page_is_called_as_the_site() -> None:
    page = Frame("Site", "").page("add.html", "index.html", "Site")
    assert "<title>Site</title>" in page
    page = Frame("Site" * 20, "").page("add.html", "models/a.html", "A model")
    assert "<title>A model</title>" in page


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


def test_a_table_is_in_a_box_that_can_be_reached_and_has_a_name() -> None:
    text = part(
        '{% call parts.table("x & y", heard=true) %}{{ inside }}{% endcall %}', inside="<b>"
    )
    assert 'tabindex="0"' in text
    assert 'aria-label="x &amp; y"' in text
    assert '<caption class="hidden"><span>x &amp; y</span></caption>' in text
    assert "&lt;b&gt;" in text
    shown = part('{% call parts.table("x") %}{% endcall %}')
    assert 'class="hidden"' not in shown


def test_facts_leave_out_what_is_empty_but_not_zero() -> None:
    text = part(
        '{{ parts.fact("a", none) }}{{ parts.fact("b", "") }}{{ parts.fact("c", 0) }}'
        '{{ parts.fact("d", empty) }}',
        empty=join([]),
    )
    assert text.strip() == "<dt>c</dt><dd>0</dd>"


def test_a_template_escapes_all_but_drawings() -> None:
    text = part("{{ parts.fact(evil, drawn) }}", evil=EVIL, drawn=tag("svg", EVIL, id=EVIL))
    assert text.count("<img") == 0
    assert text.count("<svg") == 1
    assert EVIL not in environment().from_string('<p title="{{ x }}">{{ x }}</p>').render(x=EVIL)


def test_a_name_that_nobody_handed_over_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        part("{{ nothing }}")


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_goes_around_escaping(name: str) -> None:
    text = TEMPLATES[name]
    assert not re.search(r"\|\s*safe\b|autoescape|\bMarkup\b|xmlattr|tojson|__", text)
    # in quotes a text cannot end its attribute; scripts and styles come from files alone
    assert not re.search(r"=\s*\{\{", text)
    assert not re.search(r"<(script|style)|\son\w+\s*=|javascript:", text)
    # an address is a file of ours, what the page itself shows, or checked by `link`
    for address in re.findall(r'href="([^"]*)"', text):
        for printed in re.findall(r"\{\{(.*?)\}\}", address):
            known = printed.strip()
            assert known in ("root", "target") or known.endswith("|urlencode"), address
