"""Figures and tables that a snippet left behind, made fit for a page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html import unescape

from lxml import etree

from scripts.generate import html, svg
from scripts.generate.phrases import word
from scripts.generate.svg import SVG, XLINK
from scripts.memory import remembered

# scripts/verify/matplotlibrc draws with these colours; the style sheet gives each a value for light and for dark.
COLOURS = {
    "#1f1f1f": "var(--figure-ink)",
    "#c8c8c8": "var(--figure-grid)",
    "#3b6fd4": "var(--figure-1)",
    "#d9552c": "var(--figure-2)",
    "#1b9e77": "var(--figure-3)",
    "#9467bd": "var(--figure-4)",
    "#c99700": "var(--figure-5)",
    "#d6478f": "var(--figure-6)",
    "#7f7f7f": "var(--figure-7)",
    "#17a2b8": "var(--figure-8)",
    "#000000": "var(--figure-ink)",
    "#ffffff": "var(--figure-paper)",
}
PLACES = {"d", "x", "y", "transform"}  # attributes that hold coordinates, in points; matplotlib writes six decimals

Say = Callable[[str], str]
_TEXT = re.compile(r"(<text\b[^>]*>)([^<]*)(</text>)")


def inline_svg(text: str, name: str, alt: str) -> str:
    """matplotlib's SVG as an element of a page: scalable, named for screen readers, its colours the page's.

    Args:
        text: the file's text.
        name: prefix that keeps its ids apart from those of other figures on the page.
        alt: alternative text.
    """
    return _drawn(text, name).replace("<svg ", f'<svg aria-label="{html.attr(alt)}" ', 1)


@remembered
def _drawn(text: str, name: str) -> str:
    """The element without its alternative text, which is another in each edition."""
    root = svg.parsed(text)
    width, height = svg.size(root)
    used = set(re.findall(r"""(?:url\(|href=["'])#([\w-]+)""", text))
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            value = str(value)
            if key == "id":
                if value in used:
                    element.set(key, f"{name}-{value}")
                else:
                    del element.attrib[key]
            elif key in PLACES and "scale" not in value:
                element.set(key, re.sub(r"-?\d+\.\d{3,}", lambda m: _rounded(m[0]), value))
            elif key == f"{XLINK}href":
                element.set("href", re.sub(r"^#", f"#{name}-", value))
                del element.attrib[key]
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
        style_text = element.get("style")
        if style_text:
            element.set("style", re.sub(r"#[0-9a-f]{6}\b", lambda m: COLOURS.get(m[0], m[0]), style_text))
    for element in root.iter(f"{SVG}path", f"{SVG}use"):  # matplotlib's default stroke and fill are implied
        if element.tag == f"{SVG}use" and not element.get("style"):
            element.set("style", "stroke: var(--figure-ink)")
    for element in root.iter(f"{SVG}text"):
        if "fill" not in (element.get("style") or ""):
            element.set("style", f"{element.get('style') or ''}; fill: var(--figure-ink)".lstrip("; "))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("style", f"max-width: {width * 4 / 3:.0f}px; aspect-ratio: {width:.0f} / {height:.0f}")
    etree.cleanup_namespaces(root)
    drawn = etree.tostring(root, encoding="unicode")
    return re.sub(r"\n\s*", "\n", drawn).replace("\n", " ")  # one line: Markdown must not see a blank one


def _rounded(number: str) -> str:
    """A coordinate to a hundredth of a point: finer than anybody sees, and lighter."""
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def words(text: str, kind: str) -> set[str]:
    """What of a figure's or table's text is language: its words in the form in which labels know them."""
    found = _TEXT.findall(text) if kind == "figure" else [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    plain = {unescape(part[1] if isinstance(part, tuple) else part).strip() for part in found}
    return {part for part in plain if re.search(r"[A-Za-z]{2}", part)}


def translated(drawn: str, say: Say) -> str:
    """The element with its words exchanged: a figure is drawn once, for both editions."""
    return _TEXT.sub(lambda m: f"{m[1]}{html.text(say(unescape(m[2]).strip()))}{m[3]}", drawn)


def figure(drawing: str, data: str | None, name: str, alt: str, caption: str, lang: str, say: Say = str) -> str:
    """HTML of a figure with its caption and, folded, its numbers; ``say`` gives a word in the edition's language."""
    label = f"<figcaption>{html.text(caption)}</figcaption>" if caption else ""
    numbers = ""
    if data:
        numbers = (
            f'<details class="figure-data"><summary>{word("data", lang)}</summary>{csv_table(data, say=say)}</details>'
        )
    return (
        f'<figure class="evidence">\n{translated(inline_svg(drawing, name, alt), say)}\n{label}\n{numbers}\n</figure>\n'
    )


def csv_table(text: str, caption: str = "", say: Say = str) -> str:
    """HTML of a CSV file whose first row is the head; numbers are set to the right."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise svg.ArtifactError(f"it is no CSV: {error}") from None
    if len(rows) < 2:
        raise svg.ArtifactError("it holds no row under its head")
    head, *body = rows
    for row in body:
        if len(row) != len(head):
            raise svg.ArtifactError(
                f"it has a row of {len(row)} cells under a head of {len(head)}: {','.join(row)[:60]}"
            )
    cells = [[html.text(say(cell)) for cell in row] for row in body]
    return html.table([html.text(say(cell)) for cell in head], cells, html.text(caption), "data")
