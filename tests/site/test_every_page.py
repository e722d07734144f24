"""Of every page: nothing from elsewhere, no horizontal scrolling, no barrier."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.site.pages import entries, groups, html_pages

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=740)
# The words of code in tables, names without their dots, that stand in more than one line.
BROKEN = r"""() => [...document.querySelectorAll('article :is(td, th) code')].flatMap(code => {
  const broken = [], texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[\w"]+/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
  }
  return broken;
})"""
PAGES = groups(html_pages(), 12)
COLOR_RULES = ["color-contrast", "link-in-text-block"]  # all of axe's that another colour scheme can break


def test_there_is_a_site_to_test(site):
    assert len(html_pages()) > 40
    assert len(entries()) > 20


@pytest.mark.parametrize("names", PAGES, ids=lambda names: names[0])
def test_page_is_whole_narrow_and_without_barriers(browser: Browser, address, names):
    """One visit a page: what it loads, axe in both colour schemes, and its width on a phone."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    host = urlsplit(address).netloc
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(f"script error: {error}"))
    page.on("console", lambda said: found.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda request: found.append(f"asks {request.url}") if foreign(request.url, host) else None)
    page.on("response", lambda answer: found.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    for name in names:
        found.append(name)
        page.goto(address + name)
        page.evaluate(AXE)
        found += violations(page, "default")
        found += violations(page, "slate", COLOR_RULES)
        page.set_viewport_size(PHONE)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            found.append(f"is {width} pixels wide on a phone of {PHONE['width']}")
        found += [f"breaks '{word}' in a cell" for word in page.evaluate(BROKEN)]
        page.set_viewport_size(DESKTOP)
    context.close()
    assert found == list(names), "\n".join(found)


def foreign(url: str, host: str) -> bool:
    """Whether an address is neither on the site's host nor within the page."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != host


def violations(page: Page, scheme: str, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page in a colour scheme; by all of its rules, or by some."""
    page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
    result = page.evaluate("only => axe.run({resultTypes: ['violations'], runOnly: only ?? undefined})", rules)
    return [
        f"axe, {scheme}: {violation['id']}: {violation['help']}: {node['target']} {node['html'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]
