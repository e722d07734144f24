"""Search: the right page first, in both editions, by the ranking alone and through the dialog."""

from __future__ import annotations

import json
import random
import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.generate.addresses import page_url
from scripts.sources.catalog import load
from tests.site.pages import SITE, entries
from tests.site.rank import Guide, answers, queries

LARGEST = 150_000  # bytes over the wire
EDITIONS = {"en": SITE, "zh": SITE / "zh"}


@pytest.fixture(scope="module", params=EDITIONS)
def guide(request) -> Guide:
    return Guide(EDITIONS[request.param])


def test_right_page_comes_first(guide: Guide, browser: Browser):
    wanted = queries(guide)
    assert len(wanted) >= 200
    found = guide.ranked(browser, [query for query, _ in wanted])
    not_first = [(query, right, found[query][:3]) for query, right in wanted if not answers(found[query][:1], right)]
    not_third = [query for query, right in wanted if not answers(found[query][:3], right)]
    assert len(not_first) <= 0.03 * len(wanted), not_first
    assert len(not_third) <= 0.01 * len(wanted), not_third


def test_index_is_small(guide: Guide):
    assert guide.weight <= LARGEST


def test_without_a_browser_it_ranks_alike(guide: Guide, browser: Browser):
    """One script, two machines that run it: tests ask either."""
    asked = [query for query, _ in queries(guide)[::40]]
    assert len(asked) > 5
    assert guide.ranked(browser, asked) == {query: guide.rank(query) for query in asked}


def test_every_title_alias_and_torch_name_finds_its_page(guide: Guide, browser: Browser):
    """A name that several pages bear may lead to any of them."""
    bearers: dict[str, set[str]] = {}
    for doc in guide.docs:
        if doc["kind"] == "technique":
            for name in [doc["title"], *doc.get("names", []), *doc.get("torch", [])]:
                bearers.setdefault(re.sub(r"[\W_]", "", name).lower(), set()).add(doc["url"])
    names = [name for doc in guide.docs if doc["kind"] == "technique" for name in [doc["title"], *doc.get("torch", [])]]
    lost = []
    for name, found in guide.ranked(browser, names).items():
        key = re.sub(r"[\W_]", "", name).lower()
        if not {url.partition("#")[0] for url in found[:1]} & bearers[key]:
            lost.append((name, found[:2]))
    assert not lost


def test_every_phrase_finds_its_page_and_is_no_name(guide: Guide, browser: Browser):
    """Phrases are for the search, in the edition of their language: not for the A-Z, nor for the published aliases."""
    lang = guide.columns["lang"]
    published = {entry["url"]: {*entry["aliases"], *entry["aliases_zh"]} for entry in entries()}
    phrases = [(phrase, page_url(entry, "en")) for entry in load().entries for phrase in entry.asked[lang]]
    assert len(phrases) > 1000
    assert not [phrase for phrase, url in phrases if phrase in published.get(url, ())]
    found = guide.ranked(browser, {phrase for phrase, _ in phrases})
    first = {phrase: [url.partition("#")[0] for url in places[:3]] for phrase, places in found.items()}
    assert not [(phrase, url, first[phrase]) for phrase, url in phrases if url not in first[phrase]]


def test_error_texts_find_their_page(guide: Guide, browser: Browser):
    """As torch prints them: first. With the numbers of somebody else's run: among the first three."""
    texts = [(str(text), page_url(entry, "en")) for entry in load().entries for text in entry.facts("says")]
    assert len(texts) > 30
    chance = random.Random(0)
    other = {text: re.sub(r"\d+", lambda _: str(chance.randint(2, 4096)), text) for text, _ in texts}
    found = guide.ranked(browser, {*other, *other.values()})
    pages = {asked: [url.partition("#")[0] for url in places] for asked, places in found.items()}
    lost = [(text, pages[text][:2]) for text, right in texts if right not in pages[text][:1]]
    assert len(lost) <= 0.03 * len(texts), lost
    lost = [(other[text], pages[other[text]][:3]) for text, right in texts if right not in pages[other[text]][:3]]
    assert len(lost) <= 0.03 * len(texts), lost


def test_a_phrase_that_was_asked_finds_its_page_and_is_not_shown_as_a_name(guide: Guide):
    for phrase, page in (
        ("ball rolling downhill", "optimizers/momentum.html"),
        ("小球滚下山", "optimizers/momentum.html"),
        ("how does PyTorch initialize Conv2d", "initialization/pytorch-default-init.html"),
    ):
        first = guide.answer(phrase)["items"][0][0]
        assert first["location"].partition("?")[0] == page
        assert f"<mark>{phrase}" not in first["text"].replace("</mark> <mark>", " ")
    assert "<mark>" in guide.answer("heavy ball")["items"][0][0]["text"]


def test_spellings_of_one_word_find_the_same(guide: Guide):
    for one, other in (
        ("weight initialisation", "weight initialization"),
        ("initialise weights", "initialize weight"),
        ("optimiser for transformers", "optimizers for transformer"),
        ("learning rate schedules", "learning rate scheduler"),
    ):
        assert set(guide.rank(one)[:3]) == set(guide.rank(other)[:3])


def test_the_quick_filter_rejects_no_word_within_reach(guide: Guide):
    """`near` spares `distance` most words; it must never spare it one that counts."""
    lost, met, spared = json.loads(
        guide.context.eval("""{
          const { piece, near, distance } = GuideWords;
          const words = guide.known.pieces.filter((_, place) => place % 9 === 0);
          const lost = [];
          let met = 0, spared = 0;
          for (const a of words.slice(0, 150)) for (const b of words) for (const limit of [1, 2]) {
            const within = distance(a.key, b.key, limit) < Infinity, passed = near(a, b, limit);
            if (within && !passed) lost.push([a.key, b.key]);
            met += within && a !== b;
            spared += !passed;
          }
          JSON.stringify([lost, met, spared]);
        }""")
    )
    assert not lost
    assert met > 20
    assert spared > 10_000


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


# Answers of the search's worker are kept back until `answerNow()`.
SLOW_WORKER = """
  const late = [];
  window.answerNow = () => late.splice(0).forEach((answer) => answer());
  window.Worker = class extends Worker {
    constructor(...where) {
      super(...where);
      this.addEventListener("message", (event) => {
        if (event.data.type !== 3 || !event.isTrusted) return;
        event.stopImmediatePropagation();
        late.push(() => this.dispatchEvent(new MessageEvent("message", { data: event.data })));
        document.documentElement.dataset.late = event.data.data.items[0]?.[0].text || "";
      });
    }
  };
"""


@pytest.fixture
def entered(page: Page, address: str) -> Page:
    """A page on which somebody typed a word and Enter before there was any answer."""
    page.add_init_script(SLOW_WORKER)
    page.goto(f"{address}index.html")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("/")
    page.keyboard.type("xaiver", delay=50)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-late", re.compile('data-query="xaiver"'))
    assert page.url.endswith("q=xaiver")
    assert not page.locator(".md-search-result__link").count()
    return page


def test_enter_waits_for_the_answer(entered: Page):
    entered.evaluate("answerNow()")
    entered.wait_for_url(re.compile("xavier-init"))


def test_another_key_takes_the_enter_back(entered: Page):
    entered.keyboard.press("Backspace")
    expect(entered.locator("html")).to_have_attribute("data-late", re.compile('data-query="xaive"'))
    entered.evaluate("answerNow()")
    expect(entered.locator(".md-search-result__link").first).to_have_attribute("href", re.compile("[.]html"))
    assert entered.url.endswith("index.html?q=xaive")


# Whether an Enter in the field opens a page: the dialog clicks its link at once.
ENTER = """(field, keyCode) => {
  let opened = false;
  const look = (event) => {
    opened ||= event.target.closest(".md-search-result__link") !== null;
    event.preventDefault();
  };
  document.addEventListener("click", look, true);
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode, bubbles: true, cancelable: true }));
  document.removeEventListener("click", look, true);
  return opened;
}"""


def test_an_enter_that_ends_composing_opens_nothing(page: Page, address):
    page.goto(f"{address}zh/index.html?q=xavier")
    expect(page.locator(".md-search-result__link").first).to_have_attribute("href", re.compile("xavier-init"))
    field = page.locator("[data-md-component='search-query']")
    expect(field).to_be_focused()
    assert not field.evaluate(ENTER, 229)  # Chinese typed in Safari
    assert field.evaluate(ENTER, 13)


def test_address_opens_the_search_and_escape_closes_it(page: Page, address):
    page.goto(f"{address}optimizers/adam.html?q=lion")
    expect(page.locator(".md-search-result__link").first).to_have_attribute("href", re.compile("lion.html"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"adam\.html$"))
    page.keyboard.press("Control+k")
    expect(page.locator("[data-md-component='search-query']")).to_be_focused()


@pytest.mark.parametrize("edition", ["", "zh/"])
def test_what_was_found_is_marked_on_arrival_and_nothing_covers_it(page: Page, address, edition):
    found = "loss swing" if not edition else "损失"
    page.goto(f"{address}{edition}optimizers/sgd.html?{urlencode({'h': found})}#pitfall-3")
    mark = page.locator("article mark").first
    expect(mark).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"sgd\.html#pitfall-the-loss-swings"))
    page.wait_for_timeout(500)  # until the button that leads to the top has moved in
    covered = """(lead) => {
      const box = lead.getBoundingClientRect();
      const shown = (part) => document.elementFromPoint(box.x + part * box.width, box.y + box.height / 2);
      return [0.02, 0.2, 0.4, 0.6, 0.8, 0.98].filter((part) => !lead.contains(shown(part)));
    }"""
    assert (
        page.locator("article li:has(> #pitfall-3) strong, article li p:has(#pitfall-3) strong").first.evaluate(covered)
        == []
    )
