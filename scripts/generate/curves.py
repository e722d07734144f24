"""Loss curves of planted runs, drawn from nothing but what the runs printed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from scripts import logs
from scripts.generate import html
from scripts.generate.phrases import word
from scripts.logs import Points
from scripts.memory import remembered

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 520, 190, 62, 28, 10, 12
STEEP = 300.0  # from this ratio of the largest to the smallest value on, the axis is logarithmic


def losses(log: str) -> dict[str, Points]:
    """Of the curves in a log those of losses, else the first."""
    found = {name: points for name, points in logs.series(log).items() if len(points) > 2 or _is_lost(points)}
    chosen = {name: points for name, points in found.items() if name.endswith("loss")}
    return chosen or dict(list(found.items())[:1])


def _is_lost(points: Points) -> bool:
    return not all(math.isfinite(y) for _, y in points)


@remembered
def drawing(runs: Sequence[tuple[str, str]], lang: str) -> str:
    """SVG of the losses in several runs' logs, as ``(what is said of the run, log)``; empty where none logs any."""
    curves = [
        (f"{label}{word('colon', lang)}{name}", points) for label, log in runs for name, points in losses(log).items()
    ]
    finite = [y for _, points in curves for _, y in points if math.isfinite(y)]
    if not finite:
        return ""
    steps = [x for _, points in curves for x, _ in points]
    low, high, is_log = _range(finite)
    parts = [*_axes(low, high, max(steps), is_log, lang)]
    for number, (_, points) in enumerate(curves, 1):
        parts += _line(points, number, low, high, max(steps), is_log, lang)
    alt = word("curve_alt", lang).format("; ".join(_told(label, points, lang) for label, points in curves))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" style="aspect-ratio: {WIDTH} / {HEIGHT}"'
    picture = f'<svg class="curve" role="img" aria-label="{html.attr(alt)}" {size}>{"".join(parts)}</svg>'
    keys = "".join(
        f'<span class="curve-key curve-{number}">{html.text(label)}</span>'
        for number, (label, _) in enumerate(curves, 1)
    )
    return f'<figure class="curve">{picture}<figcaption>{keys}</figcaption></figure>'


def _range(values: Sequence[float]) -> tuple[float, float, bool]:
    """Lowest and highest place of the axis, and whether it is logarithmic; a linear one holds 0, so flat is flat."""
    low, high = min(values), max(values)
    if low > 0 and high / low > STEEP:
        return low, high, True
    return min(low, 0.0), max(high, 0.0), False


def thumbnail(log: str) -> str:
    """The same curve, small and without axes, for beside words that say what it looks like."""
    curves = list(losses(log).values())
    finite = [y for points in curves for _, y in points if math.isfinite(y)]
    if not finite:
        return ""
    low, high, is_log = _range(finite)
    high, last = max(high, 0.5), max(x for points in curves for x, _ in points)  # almost zero lies at the bottom
    lines = "".join(
        part for number, points in enumerate(curves, 1) for part in _line(points, number, low, high, last, is_log, "")
    )
    size = f'viewBox="{LEFT - 4} 0 {WIDTH - LEFT} {HEIGHT - BOTTOM + 6}"'
    return f'<svg class="curve" aria-hidden="true" {size}>{lines}</svg>'


def _told(label: str, points: Points, lang: str) -> str:
    (_, first), (step, last) = points[0], points[-1]
    return word("curve_told", lang).format(label, _short(first), _short(last), _short(step))


def _short(value: float) -> str:
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 or not value else f"{value:.1e}"


def _place(value: float, low: float, high: float, is_log: bool) -> float:
    """Height in the picture; what is beyond all numbers stands on the upper edge."""
    if not math.isfinite(value):
        return TOP
    if is_log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    share = (value - low) / (high - low) if high > low else 0.5
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _across(step: float, last: float) -> float:
    return LEFT + step / (last or 1) * (WIDTH - LEFT - RIGHT)


def _axes(low: float, high: float, last: float, is_log: bool, lang: str) -> Iterator[str]:
    middle = math.sqrt(low * high) if is_log else (low + high) / 2
    for value in dict.fromkeys((low, middle, high)):
        y = _place(value, low, high, is_log)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
    middle_of_all = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle_of_all:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{word("step", lang)}</text>'
    for step in (0.0, last):
        anchor = "start" if step == 0 else "end"
        yield f'<text x="{_across(step, last):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{_short(step)}</text>'


def _line(points: Points, number: int, low: float, high: float, last: float, is_log: bool, lang: str) -> Iterator[str]:
    """One curve; from the first value that is no number on, a mark on the upper edge says so."""
    places = [(_across(x, last), _place(y, low, high, is_log)) for x, y in points if math.isfinite(y)]
    if places:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="line curve-{number}" d="M{path}"/>'
    lost = next(((x, y) for x, y in points if not math.isfinite(y)), None)
    if lost:
        x = _across(lost[0], last)
        yield f'<path class="lost curve-{number}" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        if not lang:
            return
        side, shift = ("end", -5) if x > WIDTH / 2 else ("start", 5)
        said = word("curve_lost", lang).format("NaN" if math.isnan(lost[1]) else "inf", _short(lost[0]))
        yield f'<text x="{x + shift:.1f}" y="{TOP + 14}" text-anchor="{side}">{html.text(said)}</text>'
