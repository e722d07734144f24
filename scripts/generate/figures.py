"""Figures and tables that a snippet left behind, made fit for a page."""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from html import escape

from lxml import etree

from scripts.generate import html
from scripts.generate.phrases import word

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
SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"


def inline_svg(text: str, name: str, alt: str) -> str:
    """matplotlib's SVG as an element of a page: scalable, named for screen readers, its colours the page's.

    Args:
        text: the file's text.
        name: prefix that keeps its ids apart from those of other figures on the page.
        alt: alternative text.
    """
    return _drawn(text, name).replace("<svg ", f'<svg aria-label="{html.attr(alt)}" ', 1)


@cache
def _drawn(text: str, name: str) -> str:
    """The element without its alternative text, which is another in each edition."""
    root = etree.fromstring(text.encode(), etree.XMLParser(remove_comments=True, resolve_entities=False))
    for metadata in root.findall(f"{SVG}metadata"):
        root.remove(metadata)
    for style in list(root.iter(f"{SVG}style")):  # a <style> in a page would reach the whole page
        parent = style.getparent()
        if parent is not None:
            parent.remove(style)
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
    width, height = (root.get("viewBox") or "0 0 1 1").split()[2:]
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set(
        "style", f"max-width: {float(width) * 4 / 3:.0f}px; aspect-ratio: {float(width):.0f} / {float(height):.0f}"
    )
    etree.cleanup_namespaces(root)
    drawn = etree.tostring(root, encoding="unicode")
    return re.sub(r"\n\s*", "\n", drawn).replace("\n", " ")  # one line: Markdown must not see a blank one


def _rounded(number: str) -> str:
    """A coordinate to a hundredth of a point: finer than anybody sees, and lighter."""
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def figure(svg: str, data: str | None, name: str, alt: str, caption: str, lang: str) -> str:
    """HTML of a figure with its caption and, folded, its numbers."""
    label = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    numbers = ""
    if data:
        numbers = f'<details class="figure-data"><summary>{word("data", lang)}</summary>{csv_table(data)}</details>'
    return f'<figure class="evidence">\n{inline_svg(svg, name, alt)}\n{label}\n{numbers}\n</figure>\n'


def csv_table(text: str, caption: str = "") -> str:
    """HTML of a CSV file whose first row is the head; numbers are set to the right."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    head, *body = rows or [[""]]
    cells = [[escape(cell) for cell in row] for row in body]
    return html.table([escape(cell) for cell in head], cells, escape(caption), "data")
