"""Whether text can be read on what lies behind it: the contrast of every pair of colours on a page, after WCAG 2.2.

axe-core judges element by element, and a page of code holds thousands of coloured tokens; what it judges are the same
few dozen pairs of colours, which the page is asked for in one go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Page

PAIRS = Path(__file__).with_name("colours.js").read_text(encoding="utf-8")
LARGE, LARGE_BOLD, BOLD = 24.0, 18.66, 700  # pixels: 18 and 14 points (WCAG 2.2, "large scale")
SCHEMES = ("default", "slate")


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2, "contrast ratio" and "relative luminance")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Sequence[float]) -> float:
    shares = [value / 255 for value in colour[:3]]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def needed(kind: str, size: float, weight: float) -> float:
    """The least contrast: 4.5, and 3 for large text and between a link and the words around it (1.4.3, F73)."""
    large = size >= LARGE or (size >= LARGE_BOLD and weight >= BOLD)
    return 3.0 if kind == "link" or large else 4.5


def faint(page: Page, scheme: str) -> Iterator[str]:
    """Text of the page in a colour scheme that its background swallows, and links that look like the words around."""
    page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
    for kind, colour, ground, size, weight, html in page.evaluate(PAIRS):
        ratio = contrast(colour, ground)
        if ratio < needed(kind, size, weight):
            yield f"contrast, {scheme}: a {kind} of {colour} on {ground[:3]} has {ratio:.2f}: {html}"
