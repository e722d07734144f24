"""A page's Markdown is what pages may hold, so that it is shown as it is written: headings here, the rest beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown import Markdown

from scripts import formulas
from scripts.memory import remembered
from scripts.problems import Problem
from scripts.sources import check_blocks, check_inline, marks
from scripts.sources.catalog import Catalog
from scripts.sources.pages import Page


def check(catalog: Catalog) -> Iterator[Problem]:
    """Everything in the pages' Markdown that would be printed as it stands, or be read otherwise than it is written."""
    for entry in catalog.entries:
        for page in entry.pages.values():
            yield from problems(page)


def problems(page: Page) -> list[Problem]:
    """What is wrong with one page's Markdown."""
    found = _problems(page.body, str(page.meta.get("title")))
    return [Problem(page.path, page.body_line + line, message, remedy) for line, message, remedy in found]


@remembered
def _problems(body: str, title: str) -> list[check_blocks.Found]:
    return [*check_blocks.problems(body), *check_inline.problems(body), *_headings(body, title)]


def _headings(body: str, title: str) -> Iterator[check_blocks.Found]:
    """One heading of the first level, which begins the page and is its title; each anchor once."""
    found = marks.marks(body, 0)
    headings = [mark for mark in found if mark.kind == "heading"]
    if not headings or headings[0].level != 1 or body[: headings[0].start].strip():
        yield 0, "the page does not begin with its title", f"Write '# {title}' under the front matter."
    anchors: set[str] = set()
    for place, mark in enumerate(headings):
        line = mark.line
        if mark.level == 1 and place:
            yield line, "a second heading of the first level", "Write '## ' before it."
        elif mark.level == 1 and _shown(mark.text) != title:
            yield line, f"the page is called '{title}' in its front matter, '{mark.text}' here", "Call it one name."
        if mark.level > 1 and mark.target in anchors:
            yield line, f"two headings have the anchor #{mark.target}", "Give one another: {#name} after it."
        anchors.add(mark.target)
        if any(mark.start < other.start < mark.end for other in found):
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
