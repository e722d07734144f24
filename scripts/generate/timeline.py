"""The story of networks as a figure: a row for each by year, its published accuracy, its multiply-adds as a size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.generate import html
from scripts.generate.phrases import word

WIDTH, ROW, TOP, NAMES, PLOT, RIGHT = 400, 19, 26, 40, 178, 14
STEP = 5  # percent from one line of the scale to the next
LARGEST = 8.5  # radius of the network with most multiply-adds


@dataclass(frozen=True)
class Row:
    """One network: the year of its paper, and what is known of it."""

    name: str
    year: int
    top1: float | None = None
    multiply_adds: float | None = None


def drawing(rows: Sequence[Row], lang: str) -> str:
    """A figure of the networks, which are in order of their years; empty where no accuracy is known."""
    known = [row.top1 for row in rows if row.top1 is not None]
    if not known:
        return ""
    low, high = STEP * math.floor(min(known) / STEP), STEP * math.ceil(max(known) / STEP)
    height = TOP + ROW * len(rows) + 8
    parts = [*_scale(low, max(high, low + STEP), height), *_rows(rows, low, max(high, low + STEP))]
    alt = word("timeline_alt", lang).format(word("semicolon", lang).join(_told(row) for row in rows))
    size = f'viewBox="0 0 {WIDTH} {height}" style="aspect-ratio: {WIDTH} / {height}"'
    picture = f'<svg class="curve" role="img" aria-label="{html.attr(alt)}" {size}>{"".join(parts)}</svg>'
    caption = html.text(word("timeline_caption", lang))
    return f'<figure class="curve timeline">{picture}<figcaption>{caption}</figcaption></figure>\n'


def _told(row: Row) -> str:
    return f"{row.year} {row.name}" + (f" {row.top1:.1f}%" if row.top1 is not None else "")


def _across(top1: float, low: float, high: float) -> float:
    return PLOT + (top1 - low) / (high - low) * (WIDTH - PLOT - RIGHT)


def _scale(low: int, high: int, height: int) -> Iterator[str]:
    for percent in range(low, high + 1, STEP):
        x = _across(percent, low, high)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 4}"/>'
        yield f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{percent}%</text>'


def _rows(rows: Sequence[Row], low: float, high: float) -> Iterator[str]:
    most = max((row.multiply_adds or 0.0 for row in rows), default=0.0)
    year = 0
    for place, row in enumerate(rows):
        y = TOP + ROW * (place + 0.5)
        if row.year != year:
            yield f'<text class="timeline-year" x="0" y="{y + 4:.1f}">{row.year}</text>'
        year = row.year
        yield f'<text x="{NAMES}" y="{y + 4:.1f}">{html.text(row.name)}</text>'
        if row.top1 is not None:
            x = _across(row.top1, low, high)
            if row.multiply_adds and most:
                radius = max(2.0, LARGEST * math.sqrt(row.multiply_adds / most))  # the area is the multiply-adds
                yield f'<circle class="timeline-dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
            else:
                yield f'<circle class="timeline-dot hollow" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
