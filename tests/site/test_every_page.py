"""Of every page: nothing from elsewhere, no horizontal scrolling, no barrier, snippets that copy exactly."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.site.pages import SITE, entries, groups, html_pages

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=740)
PAGES = groups(html_pages(), 12)


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
        for scheme in ("default", "slate"):
            page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
            found += violations(page, scheme)
        page.set_viewport_size(PHONE)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            found.append(f"is {width} pixels wide on a phone of {PHONE['width']}")
        page.set_viewport_size(DESKTOP)
    context.close()
    assert found == list(names), "\n".join(found)


def foreign(url: str, host: str) -> bool:
    """Whether an address is neither on the site's host nor within the page."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != host


def violations(page: Page, scheme: str) -> list[str]:
    """What axe-core finds on the page as it is now."""
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"axe, {scheme}: {violation['id']}: {violation['help']}: {node['target']} {node['html'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]


WITH_SNIPPETS = [(entry[url], entry) for entry in entries() for url in ("url", "url_zh")]


@pytest.mark.parametrize(("name", "entry"), WITH_SNIPPETS, ids=[name for name, _ in WITH_SNIPPETS])
def test_copy_button_yields_the_file(page: Page, address, name, entry):
    page.goto(address + name)
    for snippet in entry["snippets"]:
        anchor = "code-" + snippet["path"].rpartition("/")[2].removesuffix(".py").replace("_", "-")
        block = page.locator(f"#{anchor}")
        folded = block.locator("details.evidence-code > summary")
        if folded.count():
            folded.first.click()
        code = block.locator(".highlight").first
        code.hover()
        button = code.locator(
            "button[data-clipboard-target], button.md-code__button[data-md-type='copy'], button.md-clipboard"
        ).first
        button.click()
        page.wait_for_timeout(30)
        expected = (SITE / snippet["url"]).read_text(encoding="utf-8").removesuffix("\n")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.removesuffix("\n") == expected, snippet["path"]
        selected = code.locator("pre code").evaluate(
            "e => { const s = getSelection(); s.selectAllChildren(e); return s.toString(); }"
        )
        assert selected.removesuffix("\n") == expected, snippet["path"]
