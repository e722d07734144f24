"""What a training program prints, read as numbers: ``step 20  loss 1.873  test accuracy 0.41``.

A line begins with a counter; columns stand two spaces apart, each a name and a number.
"""

from __future__ import annotations

import re

PAIR = re.compile(r"([A-Za-z][\w /.()-]*?) +([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf))(?=\s{2,}|$)")
COUNTERS = ("step", "epoch", "iteration", "update")
Points = list[tuple[float, float]]


def series(log: str) -> dict[str, Points]:
    """The curves in a log: name -> points of counter and value."""
    found: dict[str, Points] = {}
    for line in log.splitlines():
        pairs = PAIR.findall(line.strip())
        if len(pairs) > 1 and pairs[0][0] in COUNTERS:
            for name, value in pairs[1:]:
                found.setdefault(name, []).append((float(pairs[0][1]), float(value)))
    return found


def numbers(log: str, name: str) -> list[float]:
    """All numbers that a log gives under a name, on lines with a counter or without."""
    rows = (dict(PAIR.findall(line.strip())) for line in log.splitlines())
    return [float(row[name]) for row in rows if name in row]
