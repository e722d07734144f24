"""Small pieces of HTML, escaped in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from scripts.catalog import Entry
from scripts.generate.words import word


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


def up(section: str) -> str:
    """The way from a page of ``section`` (or of none) to the root of its edition."""
    return "../" if section else ""


def site_root(section: str, lang: str) -> str:
    """The way from a page to the root of the whole site; the Chinese edition lies one folder down."""
    return up(section) + ("" if lang == "en" else "../")


def entry_href(entry: Entry, section: str) -> str:
    """The way from a page of ``section`` to an entry's page in the same edition."""
    if entry.section == section:
        return f"{entry.id}.html"
    return f"{up(section)}{entry.section + '/' if entry.section else ''}{entry.id}.html"


def entry_link(entry: Entry, section: str, lang: str) -> str:
    """A link to an entry, by its title."""
    return link(entry_href(entry, section), escape(entry.title(lang)))


def entry_item(entry: Entry, section: str, lang: str) -> str:
    """A list item: a link to an entry, and its summary."""
    summary = escape(str(entry.pages[lang].meta["summary"]))
    return f"<li>{entry_link(entry, section, lang)}{word('colon', lang)}{summary}</li>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", class_: str = "") -> str:
    """A table of cells that are HTML already, one line a row (Markdown must not see a blank line)."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    label = f"<caption>{caption}</caption>" if caption else ""
    name = f' class="{class_}"' if class_ else ""
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-label="{attr(caption or head[0])}">'
        f"<table{name}>{label}<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
