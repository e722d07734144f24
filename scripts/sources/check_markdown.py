"""A page's Markdown is what pages may hold, so that it is shown as it is written: headings here, the rest beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown import Markdown

from scripts import formulas
from scripts.problems import Problem
from scripts.sources import check_blocks, check_inline
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Page


def check(catalog: Catalog) -> Iterator[Problem]:
    """Everything in the pages' Markdown that would be printed as it stands, or be read otherwise than it is written."""
    for entry in catalog.entries:
        for page in entry.pages.values():
            yield from problems(page)


@cache
def problems(page: Page) -> list[Problem]:
    """What is wrong with one page's Markdown."""
    found = [*check_blocks.problems(page.body), *check_inline.problems(page.body), *_headings(page)]
    return [Problem(page.path, page.body_line + line, message, remedy) for line, message, remedy in found]


def _headings(page: Page) -> Iterator[check_blocks.Found]:
    """One heading of the first level, which begins the page and is its title; each anchor once."""
    headings = page.of("heading")
    title = str(page.meta.get("title"))
    if not headings or headings[0].level != 1 or page.body[: headings[0].start].strip():
        yield 0, "the page does not begin with its title", f"Write '# {title}' under the front matter."
    anchors: set[str] = set()
    for place, mark in enumerate(headings):
        line = mark.line - page.body_line
        if mark.level == 1 and place:
            yield line, "a second heading of the first level", "Write '## ' before it."
        elif mark.level == 1 and _shown(mark.text) != title:
            yield line, f"the page is called '{title}' in its front matter, '{mark.text}' here", "Call it one name."
        if mark.level > 1 and mark.target in anchors:
            yield line, f"two headings have the anchor #{mark.target}", "Give one another: {#name} after it."
        anchors.add(mark.target)
        if any(mark.start < other.start < mark.end for other in page.marks):
            yield line, "a mark, link or formula in a heading", "Say it in the text below."


@cache
def _renderer() -> Markdown:
    return Markdown(extensions=[formulas.makeExtension()])


def _shown(heading: str) -> str:
    """The text of a heading as readers see it."""
    if not re.search(r"[\\`*_&<$]", heading):
        return heading
    import lxml.html

    return str(lxml.html.fromstring(_renderer().reset().convert(f"# {heading}")).text_content())
