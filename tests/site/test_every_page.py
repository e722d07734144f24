"""Of every page: nothing from elsewhere, no horizontal scrolling, no barrier, snippets that copy exactly."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.site.pages import SITE, entries, groups, html_pages

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PAGES = groups(html_pages(), 12)


def test_there_is_a_site_to_test(site):
    assert len(html_pages()) > 40
    assert len(entries()) > 20


@pytest.mark.parametrize("names", PAGES, ids=lambda names: names[0])
def test_no_request_leaves_the_host_and_nothing_is_missing(page, address, names):
    host = urlsplit(address).netloc
    elsewhere, missing = [], []
    page.on("request", lambda request: elsewhere.append(request.url) if foreign(request.url, host) else None)
    page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
    for name in names:
        page.goto(address + name, wait_until="networkidle")
    assert elsewhere == []
    assert missing == []


def foreign(url: str, host: str) -> bool:
    """Whether an address is neither on the site's host nor within the page."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != host


@pytest.mark.parametrize("names", PAGES, ids=lambda names: names[0])
def test_no_horizontal_scrolling_at_360_pixels(page, address, names):
    page.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for name in names:
        page.goto(address + name)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    assert wide == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("names", PAGES, ids=lambda names: names[0])
def test_no_barrier(browser: Browser, address, names, scheme):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    opened = context.new_page()
    found = []
    for name in names:
        opened.goto(address + name)
        opened.evaluate(AXE)
        result = opened.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{name}: {violation['id']}: {violation['help']}: {node['target']} {node['html'][:120]}"
            for violation in result["violations"]
            for node in violation["nodes"][:3]
        ]
    context.close()
    assert found == [], "\n".join(found)


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
