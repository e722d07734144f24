"""Small pieces of HTML, escaped in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape

from scripts.generate.addresses import entry_href
from scripts.generate.phrases import word
from scripts.sources.pages import Entry

# Signs that Markdown reads, in text and in attributes alike; an underscore within a word is none.
_SIGNS = re.compile(r"[\\`*{}\[\]$|]|(?<![^\W_])_|_(?![^\W_])")


@cache
def text(value: str) -> str:
    """Text as HTML, in an element or in an attribute in double quotes, that Markdown does not read once more."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", escape(value, quote=True).replace("\n", " "))


attr = text


def heading(value: str) -> str:
    """Text as the text of a heading in Markdown."""
    return "&#35;".join(map(text, value.split("#")))


def link(href: str, inner: str, **attributes: str) -> str:
    """A link; ``inner`` is HTML already. ``class_`` gives the class."""
    extra = "".join(f' {name.rstrip("_").replace("_", "-")}="{attr(value)}"' for name, value in attributes.items())
    return f'<a href="{attr(href)}"{extra}>{inner}</a>'


def code(value: str) -> str:
    """Inline code."""
    return f"<code>{text(value)}</code>"


def inline(value: str) -> str:
    """A line of text in which what stands in backticks is code."""
    parts = re.split(r"``?([^`]+)``?", value)
    return "".join(code(part) if place % 2 else text(part) for place, part in enumerate(parts))


def entry_link(entry: Entry, section: str, lang: str) -> str:
    """A link to an entry, by its title."""
    return link(entry_href(entry, section), text(entry.title(lang)))


def entry_item(entry: Entry, section: str, lang: str) -> str:
    """A list item: a link to an entry, and its summary."""
    summary = text(str(entry.pages[lang].meta["summary"]))
    return f"<li>{entry_link(entry, section, lang)}{word('colon', lang)}{summary}</li>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", class_: str = "") -> str:
    """A table of cells and caption that are HTML already, one line a row (Markdown must not see a blank line)."""
    return _table(head, f"<tbody>\n{_rows(rows)}\n</tbody>", caption, class_)


def grouped_table(head: Sequence[str], groups: Iterable[tuple[str, Iterable[Sequence[str]]]], class_: str = "") -> str:
    """A table whose rows stand in groups, each under its name."""
    bodies = (
        f'<tbody>\n<tr class="group"><th scope="rowgroup" colspan="{len(head)}">{text(name)}</th></tr>\n'
        f"{_rows(rows)}\n</tbody>"
        for name, rows in groups
    )
    return _table(head, "\n".join(bodies), "", class_)


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)


def _table(head: Sequence[str], bodies: str, caption: str, class_: str) -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    label = f"<caption>{caption}</caption>" if caption else ""
    name = f' class="{class_}"' if class_ else ""
    spoken = re.sub(r"<[^<>]*>", "", caption or head[0])
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="{spoken}">'
        f"<table{name}>{label}<thead><tr>{top}</tr></thead>\n{bodies}</table></div>"
    )
