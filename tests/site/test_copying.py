"""Every snippet on every page copies to the byte, by its button and by hand."""

from __future__ import annotations

import os

import pytest
from lxml import html
from playwright.sync_api import Page

from scripts.problems import ROOT
from tests.site.pages import SITE, groups, html_pages


def blocks(name: str) -> dict[str, str]:
    """The snippets that a page shows: id of the block -> its file, from the site's root."""
    found = {}
    for block in html.parse(SITE / name).getroot().find_class("snippet"):
        (address,) = block.xpath('.//a[@download][contains(@href, ".py")]/@href')
        found[block.get("id")] = os.path.normpath(os.path.join(os.path.dirname(name), address))  # noqa: PTH118, PTH120
    return found


PAGES = [(name, shown) for name in html_pages() if (shown := blocks(name))]


def test_every_snippet_of_the_repository_is_on_one_page_of_each_edition():
    sources = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "snippets").rglob("*.py"))
    for chinese in (False, True):
        shown = [file for name, found in PAGES if name.startswith("zh/") == chinese for file in found.values()]
        assert sorted(shown) == sources


@pytest.mark.parametrize("some", groups(PAGES, 12), ids=lambda some: some[0][0])
def test_copy_button_yields_the_file(page: Page, address, some):
    page.emulate_media(reduced_motion="reduce")
    for name, shown in some:
        page.goto(address + name)
        copy_all(page, name, shown)


def copy_all(page: Page, name: str, shown: dict[str, str]) -> None:
    """Copy each snippet of the page that is open, both ways."""
    for anchor, file in shown.items():
        block = page.locator(f"#{anchor}")
        folded = block.locator("details.evidence-code > summary")
        if folded.count():
            folded.first.press("Enter")  # blocks above get their true height when scrolled to: a click may miss
        code = block.locator(".highlight").first
        code.hover()
        button = code.locator(
            "button[data-clipboard-target], button.md-code__button[data-md-type='copy'], button.md-clipboard"
        ).first
        button.click()
        page.wait_for_timeout(30)
        expected = (SITE / file).read_text(encoding="utf-8").removesuffix("\n")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.removesuffix("\n") == expected, f"{file} on {name}"
        selected = code.locator("pre code").evaluate(
            "e => { const s = getSelection(); s.selectAllChildren(e); return s.toString(); }"
        )
        assert selected.removesuffix("\n") == expected, f"{file} on {name}"
