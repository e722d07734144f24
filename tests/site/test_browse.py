"""Browsing: tables, indexes, tags, neighbours, old addresses, and all of it by keyboard."""

from __future__ import annotations

import bisect
import itertools
import re
from pathlib import PurePosixPath
from urllib.parse import urljoin

import pytest
from lxml import html
from playwright.sync_api import Browser, Page, expect

from scripts.generate import redirects
from scripts.sources.catalog import load
from tests.site.pages import SITE, entries

EDITIONS = {"": "", "zh/": "_zh"}


def tree(name: str) -> html.HtmlElement:
    """A page of the built site."""
    return html.parse(SITE / name).getroot()


def section(name: str) -> list[dict]:
    """The catalogue's entries of one section."""
    return [entry for entry in entries() if entry["section"] == name]


def shown(page: Page) -> list[str]:
    """Addresses of the entries in the rows that the comparison table shows."""
    rows = page.locator("table.comparison tbody tr:visible td:first-child a")
    return [f"optimizers/{href}" for href in rows.evaluate_all("links => links.map(a => a.getAttribute('href'))")]


@pytest.mark.parametrize("edition", EDITIONS)
def test_comparison_table_filters_by_torch_year_purpose_and_words(page: Page, address, edition):
    page.goto(f"{address}{edition}optimizers/index.html")
    known = section("optimizers")
    assert shown(page) == [entry["url"] for entry in known]
    fields = {
        name: page.locator(f".table-filter [data-filter={name}]") for name in ("text", "tag", "torch", "from", "to")
    }
    fields["torch"].select_option("no")
    assert shown(page) == [entry["url"] for entry in known if not entry["torch"]]
    fields["from"].fill("2018")
    fields["to"].fill("2020")
    wanted = [e["url"] for e in known if not e["torch"] and e["year"] and 2018 <= e["year"] <= 2020]
    assert 2 < len(wanted) < len(known)
    assert shown(page) == wanted
    expect(page.locator(".table-filter [role=status]")).to_have_text(f"{len(wanted)} / {len(known)}")
    for name in ("from", "to"):
        fields[name].fill("")
    fields["torch"].select_option("")
    fields["tag"].select_option("large-batches")
    assert shown(page) == [entry["url"] for entry in known if "large-batches" in entry["tags"]] != []
    fields["tag"].select_option("")
    fields["text"].fill("lbfgs" if edition == "" else "LBFGS")
    assert shown(page) == ["optimizers/lbfgs.html"]


@pytest.mark.parametrize("edition", EDITIONS)
def test_recipes_filter_by_task_optimizer_and_words(page: Page, address, edition):
    recipes = load().recipes
    page.goto(f"{address}{edition}recipes.html")
    rows = page.locator("table.recipes tbody tr:not(.group):visible a[id]")
    fields = {name: page.locator(f".table-filter [data-filter={name}]") for name in ("text", "task", "optimizer")}

    def ids() -> list[str]:
        return sorted(rows.evaluate_all("links => links.map(a => a.id)"))

    assert ids() == sorted(recipe.id for recipe in recipes)
    fields["optimizer"].select_option("lamb")
    assert ids() == sorted(r.id for r in recipes if any(c.id == "lamb" for c in r.optimizers)) != []
    fields["task"].select_option("masked-language-model")
    wanted = [r.id for r in recipes if r.task == "masked language model" and r.optimizer.id == "lamb"]
    assert ids() == sorted(wanted) != []
    assert page.locator("table.recipes tr.group:visible").count() == 1
    expect(page.locator(".table-filter [role=status]")).to_have_text(f"{len(wanted)} / {len(recipes)}")
    for name in ("optimizer", "task"):
        fields[name].select_option("")
    fields["text"].fill("nnconv")
    assert ids() == [recipe.id for recipe in recipes if recipe.model == "NNConv"] != []


@pytest.mark.parametrize("column", range(2, 9))
def test_table_of_networks_sorts_by_its_numbers(page: Page, address, column: int):
    """Year, parameters, multiply-adds, activations, operations, time and accuracy, whatever their decimals."""
    page.goto(f"{address}architectures/index.html")
    page.locator("table.networks th").nth(column - 1).get_by_role("button").click()
    texts = page.locator(f"table.networks tbody td:nth-child({column})").all_text_contents()
    numbers = [float(text) for text in texts if text != "–"]
    assert len(numbers) > 15
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("edition", EDITIONS)
def test_table_of_networks_keeps_names_in_sight(page: Page, address, edition: str):
    """The whole table fits on a laptop's screen; on a phone the names stay where they are while the numbers scroll."""
    box = page.locator(".table-scroll:has(table.networks)")
    hidden = []
    for size in (1280, 390):
        page.set_viewport_size({"width": size, "height": 800})
        page.goto(f"{address}{edition}architectures/index.html")
        box.scroll_into_view_if_needed()  # what is out of sight is not laid out
        page.wait_for_function("() => document.querySelector('table.networks td').getBoundingClientRect().width > 0")
        hidden.append(box.evaluate("box => box.scrollWidth - box.clientWidth"))
    left = box.evaluate(
        "box => { box.scrollLeft = box.scrollWidth;"
        " return box.querySelector('td').getBoundingClientRect().left - box.getBoundingClientRect().left; }"
    )
    assert hidden[0] == 0
    assert hidden[1] > 100
    assert left == pytest.approx(0, abs=1)


def test_comparison_table_sorts_both_ways_and_keeps_blanks_last(page: Page, address):
    page.goto(f"{address}optimizers/index.html")
    head = page.locator("table.comparison th").nth(2)
    years = page.locator("table.comparison tbody td:nth-child(3)")
    head.get_by_role("button").focus()
    for key, order, backwards in (("Enter", "ascending", False), ("Space", "descending", True)):
        page.keyboard.press(key)
        expect(head).to_have_attribute("aria-sort", order)
        texts = years.all_text_contents()
        numbers = [int(text) for text in texts if text != "–"]
        assert numbers == sorted(numbers, reverse=backwards)
        assert texts[len(numbers) :] == ["–"] * (len(texts) - len(numbers)) != []


def test_tables_and_indexes_are_whole_without_scripts(browser: Browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}optimizers/index.html")
    assert len(shown(page)) == len(section("optimizers"))
    assert page.locator(".table-filter:visible").count() == 0
    page.goto(f"{address}names.html")
    page.locator("nav.letters a[href='#k']").click()
    expect(page.locator("#k")).to_be_in_viewport()
    context.close()


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_name_and_alias_stands_in_the_index(edition):
    listed: dict[str, set[str]] = {}
    page = tree(f"{edition}names.html")
    for item in page.xpath('//ul[@class="names"]/li'):
        names = {item.text_content(), re.split("[:：] ?", item.text_content())[0], item.xpath("string(span)")}
        names |= {"".join(item.xpath("./text()[1]")).strip(" :：")}
        for name in names:
            listed.setdefault(name.casefold(), set()).update(item.xpath(".//a/@href"))
    names_in_order = sorted(listed)
    for entry in entries():
        for name in [entry["title"], entry["title_zh"], *entry["aliases"], *entry["aliases_zh"]]:
            first = bisect.bisect_left(names_in_order, name.casefold())
            mine = itertools.takewhile(lambda key, name=name: key.startswith(name.casefold()), names_in_order[first:])
            assert any(entry["url"] in listed[key] for key in mine), name


@pytest.mark.parametrize("edition", EDITIONS)
def test_no_tab_is_cut_off_where_tabs_are_shown(page: Page, address, edition):
    """Material shows them from 1220 pixels on."""
    page.set_viewport_size({"width": 1220, "height": 800})
    page.goto(f"{address}{edition}index.html")
    assert page.locator(".md-tabs__item").last.is_visible()
    row = page.locator(".md-tabs__list")
    assert row.evaluate("row => row.scrollWidth <= row.clientWidth")


@pytest.mark.parametrize("edition", EDITIONS)
def test_letters_lead_to_their_headings_in_order(edition):
    page = tree(f"{edition}names.html")
    jumps = [href[1:] for href in page.xpath('//nav[@class="letters"]/a/@href')]
    assert jumps == page.xpath("//article//h2/@id")
    assert {"a", "z", "digits", "han-x", "han-y"} <= set(jumps)
    (under_x,) = page.xpath('//h2[@id="han-x"]/following-sibling::ul[1]')
    assert "学习率" in under_x.text_content()
    (under_z,) = page.xpath('//h2[@id="han-z"]/following-sibling::ul[1]')
    assert "正交初始化" in under_z.text_content()


@pytest.mark.parametrize("edition", EDITIONS)
def test_torch_name_is_found_whole_short_and_as_code_writes_it(page: Page, address, edition):
    page.goto(f"{address}{edition}torch.html")
    rows = page.locator("table.torch-names tbody tr:visible")
    names = {name for entry in entries() for name in entry["torch"]}
    assert rows.count() == len(names)
    field = page.locator("[data-filter=text]")
    for typed in ("torch.nn.init.sparse_", "nn.init.sparse_", "sparse_"):
        field.fill(typed)
        expect(rows).to_have_count(1)
        expect(rows.locator("a").first).to_have_attribute("href", "initialization/sparse-init.html")
    field.fill("F.batch_norm")
    expect(rows).to_have_count(1)
    for anchor in ("torch.nn.init.sparse_", "sparse_", "torch.optim.Adam"):
        assert tree(f"{edition}torch.html").xpath(f'//*[@id="{anchor}"]'), anchor


@pytest.mark.parametrize(("edition", "suffix"), EDITIONS.items())
def test_timeline_is_in_order_and_whole(edition, suffix):
    items = tree(f"{edition}timeline.html").xpath('//ol[@class="timeline"]/li')
    years = [int(item.xpath('string(span[@class="year"])')) for item in items]
    assert years == sorted(years)
    listed = [(item.xpath("string(.//a)"), year) for item, year in zip(items, years, strict=True)]
    assert sorted(listed) == sorted((entry["title" + suffix], entry["year"]) for entry in entries() if entry["year"])


@pytest.mark.parametrize("edition", EDITIONS)
def test_next_and_previous_walk_the_section_in_the_order_of_its_table(edition):
    for name in sorted({entry["section"] for entry in entries()}):
        index = tree(f"{edition}{name}/index.html")
        table = index.xpath('//table[@class="comparison"]//td[1]/a/@href')
        assert len(table) == len(section(name))
        walk = ["index.html", *table]
        for here, there in itertools.pairwise(walk):
            assert tree(f"{edition}{name}/{here}").xpath('//link[@rel="next"]/@href') == [there]
            assert tree(f"{edition}{name}/{there}").xpath('//link[@rel="prev"]/@href') == [here]


@pytest.mark.parametrize(
    ("name", "says"), [("optimizers/lion.html", True), ("optimizers/parameter-groups.html", False)]
)
def test_only_what_torch_lacks_is_called_missing_from_it(name, says):
    """A page about choices has no torch name either, and nothing that torch could have."""
    facts = "".join(tree(name).xpath("//dl[@class='facts']//text()"))
    assert ("not in torch" in facts) == says


@pytest.mark.parametrize("url", ["url", "url_zh"])
def test_entries_have_breadcrumbs_and_related_entries_that_lead_back(url):
    related = {}
    families = [family.entries for section in load().sections for family in section.families]
    first_of_family = {entry: family[0] for family in families for entry in family}
    for entry in entries():
        page = tree(entry[url])
        crumbs = page.xpath('//nav[@class="md-path"]//a/@href')
        first = first_of_family[entry["id"]]  # what a family leads to
        assert crumbs == ["../index.html", "index.html", f"{first}.html"], entry["id"]
        hrefs = page.xpath('//ul[@class="related"]/li/a/@href')
        assert hrefs, entry["id"]
        related[entry[url]] = {urljoin(entry[url], href) for href in hrefs}
    one_way = [(here, there) for here, others in related.items() for there in others if here not in related[there]]
    assert not one_way


@pytest.mark.parametrize("url", ["url", "url_zh"])
def test_tags_of_an_entry_lead_to_a_list_that_holds_it(url):
    lists = tree(("zh/" if url == "url_zh" else "") + "tags.html")
    tagged = 0
    for entry in entries():
        links = tree(entry[url]).xpath('//dl[@class="facts"]//a[starts-with(@href, "../tags.html#")]/@href')
        assert {href.partition("#")[2] for href in links} == set(entry["tags"])
        for tag in entry["tags"]:
            tagged += 1
            (listed,) = lists.xpath(f'//h2[@id="{tag}"]/following-sibling::ul[1]')
            assert entry[url].removeprefix("zh/") in listed.xpath("./li/a/@href")
    assert tagged > 100


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_old_address_leads_on_without_a_script(browser: Browser, address, lang):
    """As the build writes it; test_build.py sees that it does."""
    entry = load().by_id["kaiming-init"]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    old = f"{address}{'zh/' if lang == 'zh' else ''}initializers/he-init.html"
    body = redirects.page(entry, lang, "")
    page.route(old, lambda route: route.fulfill(body=body, content_type="text/html; charset=utf-8"))
    page.goto(old)
    page.wait_for_url(f"{address}{entry_url(lang)}")
    expect(page.locator("h1")).to_contain_text("Kaiming")
    context.close()


def entry_url(lang: str) -> str:
    """Where the page of this test lies."""
    return str(PurePosixPath("zh" if lang == "zh" else ".", "initialization/kaiming-init.html"))


FOCUSED = """() => {
  const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
  const label = e.id && document.querySelector(`label[for="${CSS.escape(e.id)}"]`);
  const ring = [s, label && getComputedStyle(label)].some(
    (style) => style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0);
  return {name: e.outerHTML.slice(0, 120), ring, inArticle: !!e.closest('article'), wide: box.width > 0};
}"""


@pytest.mark.parametrize("name", ["initialization/kaiming-init.html", "zh/optimizers/index.html"])
def test_keyboard_reaches_everything_and_shows_where_it_is(page: Page, address, name):
    page.goto(address + name)
    page.keyboard.press("Tab")
    expect(page.locator(".md-skip")).to_be_focused()
    page.keyboard.press("Enter")
    reached, blind = [], []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if not at["inArticle"]:
            break
        reached.append(at["name"])
        if not at["ring"] or not at["wide"]:
            blind.append(at["name"])
    assert not blind
    assert "headerlink" not in reached[0] or len(reached) > 1
    links = page.locator("article :is(a[href], summary, select, input):visible").count()
    assert len(reached) >= links * 0.95, (len(reached), links)


def test_details_open_by_keyboard_and_marks_open_their_proof(page: Page, address):
    page.goto(f"{address}initialization/rezero.html")
    summary = page.locator("details.figure-data > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.figure-data table").first).to_be_visible()
    mark = page.locator("a.claim-mark").first
    target = mark.get_attribute("href")
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"[id='{(target or '')[1:]}'] pre")).to_be_visible()
