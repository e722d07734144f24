"""Where pages lie, and the way from one to another."""

from __future__ import annotations

from scripts.sources.pages import Entry


def page_url(entry: Entry, lang: str) -> str:
    """Address of an entry's page, relative to the site's root."""
    return f"{'zh/' if lang == 'zh' else ''}{entry.section + '/' if entry.section else ''}{entry.id}.html"


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
