"""The leaderboard: a plain table for everybody, data and scripts that sort, filter and save it."""

from __future__ import annotations

from brainbench_audio.report.site.board_data import board_data, column_groups, start_column
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.frame import BOARD, Frame

_LONGEST = 48


def board_page(content: Content, frame: Frame) -> str:
    """Return the page; without scripts it is sorted by the first column."""
    groups = column_groups(content)
    first = start_column(groups)

    def place(row: Row) -> tuple[bool, float]:
        result = first.results.get(row.model)
        return row.control, float("inf") if result is None else -result.value

    licences = sorted({card.licence for card in content.model_cards.values() if card.licence})
    return frame.page(
        "board.html",
        BOARD,
        content.title,
        scripts=("shared.js", "board.js", "board_files.js"),
        content=content,
        groups=groups,
        lead=_lead(content),
        licences=[("", "any"), *((one, _cut(one)) for one in licences)],
        both_kinds=len({one.published for row in content.rows for one in row.results.values()}) > 1,
        controls=any(row.control for row in content.rows),
        columns=[one for group in groups for one in group.columns if one.chosen],
        rows=sorted(content.rows, key=place),
        older=sorted({result.name for result in content.older}),
        data=board_data(content, groups, frame.note),
    )


def _lead(content: Content) -> str:
    models = [row for row in content.rows if not row.control]
    measured = sum(any(not one.published for one in row.results.values()) for row in models)
    published = len(models) - measured
    others = sum(map(_is_of_others, models))
    kinds = {"measured here": measured - others, "by others": others, "as published": published}
    lead = f"{len(models)} models on {len(content.benchmarks)} benchmarks"
    if published == len(models):
        lead += ", all numbers as published"
    elif published or others:
        lead += f": {', '.join(f'{number} {kind}' for kind, number in kinds.items() if number)}"
    if controls := len(content.rows) - len(models):
        lead += f"; {controls} control{'s' if controls > 1 else ''}"
    return lead


def _is_of_others(row: Row) -> bool:
    """Return whether somebody else measured all scores of a row that say who did."""
    names = [one.measured_by for one in row.results.values() if one.path and not one.published]
    return bool(names) and all(names)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
