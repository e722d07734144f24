"""Snippets are copied as a reader copies them; that every one copies to the byte is seen in test_every_page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from scripts.problems import ROOT
from scripts.sources import snippets
from tests.site.pages import blocks, file, html_pages


def test_every_snippet_of_the_repository_is_on_one_page_of_each_edition():
    sources = sorted(snippet.address for snippet in snippets.load(ROOT))
    for chinese in (False, True):
        pages = [name for name in html_pages() if name.startswith("zh/") == chinese]
        assert sorted(address for name in pages for address in blocks(name).values()) == sources


@pytest.mark.parametrize("name", ["optimizers/adam.html", "zh/schedulers/one-cycle-lr.html"])
def test_copy_button_is_there_under_the_mouse(page: Page, address, name):
    """Plain, long and folded snippets, with a real mouse: hover, press, and read the clipboard."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + name)
    shown = blocks(name)
    assert len(shown) == 3
    for anchor, path in shown.items():
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
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.removesuffix("\n") == file(path)
