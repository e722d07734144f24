"""Small pieces of HTML, escaped in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from scripts.generate.addresses import entry_href
from scripts.generate.phrases import word
from scripts.sources.pages import Entry


def attr(value: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(value, quote=True).replace("\n", " ")


def link(href: str, text: str, **attributes: str) -> str:
    """A link; ``text`` is HTML already. ``class_`` gives the class."""
    extra = "".join(f' {name.rstrip("_").replace("_", "-")}="{attr(value)}"' for name, value in attributes.items())
    return f'<a href="{attr(href)}"{extra}>{text}</a>'


def code(text: str) -> str:
    """Inline code."""
    return f"<code>{escape(text)}</code>"


def entry_link(entry: Entry, section: str, lang: str) -> str:
    """A link to an entry, by its title."""
    return link(entry_href(entry, section), escape(entry.title(lang)))


def entry_item(entry: Entry, section: str, lang: str) -> str:
    """A list item: a link to an entry, and its summary."""
    summary = escape(str(entry.pages[lang].meta["summary"]))
    return f"<li>{entry_link(entry, section, lang)}{word('colon', lang)}{summary}</li>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", class_: str = "") -> str:
    """A table of cells that are HTML already, one line a row (Markdown must not see a blank line)."""
    return _table(head, f"<tbody>\n{_rows(rows)}\n</tbody>", caption, class_)


def grouped_table(head: Sequence[str], groups: Iterable[tuple[str, Iterable[Sequence[str]]]], class_: str = "") -> str:
    """A table whose rows stand in groups, each under its name."""
    bodies = (
        f'<tbody>\n<tr class="group"><th scope="rowgroup" colspan="{len(head)}">{escape(name)}</th></tr>\n'
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
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="{attr(caption or head[0])}">'
        f"<table{name}>{label}<thead><tr>{top}</tr></thead>\n{bodies}</table></div>"
    )
