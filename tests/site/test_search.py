"""Search: the right page first, in both editions, by the ranking alone and through the dialog."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.site.pages import SITE
from tests.site.rank import Guide, queries

LARGEST = 150_000  # bytes over the wire
EDITIONS = {"en": SITE, "zh": SITE / "zh"}


@pytest.fixture(scope="module", params=EDITIONS)
def guide(request) -> Guide:
    return Guide(EDITIONS[request.param])


def test_right_page_comes_first(guide: Guide):
    wanted = queries(guide)
    assert len(wanted) >= 200
    answers = {query: guide.rank(query) for query, _ in wanted}
    not_first = [
        (query, right, answers[query][:3]) for query, right in wanted if not set(answers[query][:1]) & set(right)
    ]
    not_third = [query for query, right in wanted if not set(answers[query][:3]) & set(right)]
    assert len(not_first) <= 0.03 * len(wanted), not_first
    assert len(not_third) <= 0.01 * len(wanted), not_third


def test_index_is_small(guide: Guide):
    assert guide.weight <= LARGEST


def test_every_title_alias_and_torch_name_finds_its_page(guide: Guide):
    """A name that several pages bear may lead to any of them."""
    bearers: dict[str, set[str]] = {}
    for doc in guide.docs:
        if doc["kind"] == "technique":
            for name in [doc["title"], *doc.get("names", []), *doc.get("torch", [])]:
                bearers.setdefault(re.sub(r"[\W_]", "", name).lower(), set()).add(doc["url"])
    lost = []
    for doc in guide.docs:
        for name in [doc["title"], *doc.get("torch", [])]:
            key = re.sub(r"[\W_]", "", name).lower()
            if doc["kind"] == "technique" and not set(guide.rank(name)[:1]) & bearers[key]:
                lost.append((name, guide.rank(name)[:2]))
    assert not lost


def test_nothing_found_suggests_the_nearest_and_the_sections(guide: Guide):
    items = guide.answer("qqxadamzzw")["items"]
    assert "search-none" in items[0][0]["text"]
    assert any(item[0]["location"].endswith("/index.html") for item in items[1:])


def test_answers_are_text_not_markup(guide: Guide):
    for query in ("<img src=x onerror=alert(1)>", "a & b", "\\", "(", "*", "__proto__", "constructor", " "):
        for item in guide.answer(query)["items"]:
            assert "<img" not in item[0]["title"] + item[0]["text"]


@pytest.mark.parametrize(("edition", "word"), [("", "xaiver"), ("zh/", "余弦退火")])
def test_dialog_by_keyboard(page: Page, address, edition, word):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}{edition}index.html")
    page.wait_for_load_state("networkidle")
    assert not any("/search/index." in url for url in asked), "the index is loaded before anybody searches"
    with page.expect_request(re.compile("/search/index[.]")):  # when the field is focused, before the first key
        page.keyboard.press("/")
    field = page.locator("[data-md-component='search-query']")
    expect(field).to_be_focused()
    page.keyboard.type(word)
    first = page.locator(".md-search-result__link").first
    expect(first).to_be_visible()
    assert "q=" in page.url
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"xavier-init|cosine-annealing"))


def test_address_opens_the_search_and_escape_closes_it(page: Page, address):
    page.goto(f"{address}optimizers/adam.html?q=lion")
    expect(page.locator(".md-search-result__link").first).to_have_attribute("href", re.compile("lion.html"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"adam\.html$"))
    page.keyboard.press("Control+k")
    expect(page.locator("[data-md-component='search-query']")).to_be_focused()
