"""How the site reaches its readers: light, safe, from any host, from a folder, and readable for machines."""

from __future__ import annotations

import gzip
import json
import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from jsonschema import Draft202012Validator
from lxml import html
from playwright.sync_api import Browser, Page, expect

from scripts.bench import tools, weight
from tests.site.pages import SITE, entries, html_pages

TYPICAL = ["initialization/kaiming-init.html", "optimizers/adam.html", "zh/schedulers/cosine-annealing-lr.html"]
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("name", weight.PAGES)
def test_first_visit_is_light(browser: Browser, address, name):
    asked = {file.removeprefix("guide/") for file in weight.visited(browser, address, name)}
    weights = weight.weigh(SITE, name, asked)
    assert weights["css"]
    assert weights["js"]
    assert bool(weights["fonts"]) == ("katex" in (SITE / name).read_text(encoding="utf-8"))
    assert sum(weights.values()) <= weight.LARGEST, weights


def test_pages_as_markdown_hold_their_snippets_to_the_byte():
    for entry in entries():
        for url in (entry["url"], entry["url_zh"]):
            text = (SITE / url).with_suffix(".md").read_text(encoding="utf-8")
            for snippet in entry["snippets"]:
                code = (SITE / snippet["url"]).read_text(encoding="utf-8")
                assert f"```python\n{code}```" in text, (url, snippet["path"])


def test_one_stylesheet_a_page_and_no_formula_fonts_without_formulas():
    styles = {}
    for name in html_pages():
        tree = html.parse(SITE / name).getroot()
        (styles[name],) = [Path(href).name for href in tree.xpath('//link[@rel="stylesheet"]/@href')]
        has_formulas = bool(tree.xpath('//*[contains(concat(" ", @class, " "), " katex ")]'))
        sheet = (SITE / "assets" / styles[name]).read_text(encoding="utf-8")
        assert ("KaTeX_Main" in sheet) == has_formulas, name
    assert len(set(styles.values())) == 2


def test_every_colour_that_a_page_names_is_in_its_stylesheet():
    named = re.compile(r"var\(\s*(--[\w-]+)")
    wanted: dict[str, set[str]] = {}
    for name in html_pages():
        text = (SITE / name).read_text(encoding="utf-8")
        (style,) = html.fromstring(text).xpath('//link[@rel="stylesheet"]/@href')
        wanted.setdefault(Path(style).name, set()).update(named.findall(text))
    assert any("--figure-2" in names for names in wanted.values())
    for style, names in wanted.items():
        sheet = (SITE / "assets" / style).read_text(encoding="utf-8")
        assert not {name for name in names if f"{name}:" not in sheet}, style


def test_cut_fonts_hold_every_character_of_every_formula():
    fonts = [TTFont(path) for path in sorted((SITE / "assets" / "katex" / "fonts").glob("*.woff2"))]
    held = {code for font in fonts for code in font.getBestCmap()}
    wanted: dict[str, str] = {}
    for name in html_pages():
        for formula in html.parse(SITE / name).getroot().xpath('//*[@class="katex-html"]'):
            wanted |= dict.fromkeys(formula.text_content(), name)
    lost = {letter: name for letter, name in wanted.items() if ord(letter) not in held and not letter.isspace()}
    lost = {letter: name for letter, name in lost.items() if letter not in "\u200b\u2061" and ord(letter) < 0x2E80}
    assert len(wanted) > 80
    assert not lost


# When the page was painted first, and when each font was there.
PAINTED = """() => [performance.getEntriesByName('first-contentful-paint')[0].startTime,
  performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('woff2')).map(one => one.responseEnd)]"""


@pytest.mark.parametrize("name", TYPICAL)
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("late", [0, 1500], ids=["", "late fonts"])
def test_nothing_moves_after_the_first_paint(browser: Browser, address, name, width, late):
    """Also where the fonts of formulas come a second after it, as on a slow line or a busy machine."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    if late:
        page.route("**/*.woff2", lambda route: (page.wait_for_timeout(late), route.continue_()))
    page.add_init_script(
        "window.moved = []; new PerformanceObserver(list => { for (const e of list.getEntries()) moved.push("
        "[e.value, ...e.sources.map(s => s.node && s.node.outerHTML && s.node.outerHTML.slice(0, 120))]) })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(address + name)
    page.wait_for_load_state("networkidle")
    moved = page.evaluate("moved")
    painted, fonts = page.evaluate(PAINTED)
    assert not late or (fonts and painted < min(fonts))
    context.close()
    assert sum(shift[0] for shift in moved) < 0.001, moved


def test_every_page_has_a_policy_without_unsafe_scripts():
    for name in html_pages():
        tree = html.parse(SITE / name).getroot()
        (policy,) = tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert scripts
        assert "unsafe" not in scripts[1]
        assert not tree.xpath("//@*[starts-with(name(), 'on')]"), name


def test_a_foreign_script_does_not_run(page: Page, address):
    """The policy holds in the browser: a script put into the page is refused."""
    page.goto(address + TYPICAL[0])
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran === undefined")


def test_pages_open_from_a_plain_folder(browser: Browser, tmp_path):
    """As unpacked from the archive that the site offers."""
    with zipfile.ZipFile(SITE / "deep-learning-guide.zip") as archive:
        archive.extractall(tmp_path)
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "deep-learning-guide" / "index.html").as_uri())
    page.get_by_role("link", name="Optimizers").first.click()
    page.locator("article a[href='adam.html']").first.click()
    assert page.title().startswith("Adam")
    style = page.locator(".md-header").evaluate("e => getComputedStyle(e).backgroundColor")
    assert style == "rgb(29, 79, 145)"
    page.locator("a.guide-language").click()
    assert "/zh/optimizers/adam.html" in page.url
    context.close()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("optimizer/kaiming-init.html", "initialization/kaiming-init.html"), ("zh/adamw", "zh/optimizers/adamw.html")],
)
def test_address_that_is_not_there_is_searched_for(page: Page, address, wrong, right):
    """On a host whose root the site is, as custom 404 pages need."""
    root = address.removesuffix("guide/")
    body = (SITE / "404.html").read_text(encoding="utf-8")
    page.route(root + wrong, lambda route: route.fulfill(status=404, body=body, content_type="text/html"))
    page.goto(root + wrong)
    expect(page.locator("#not-found a").first).to_have_attribute("href", root + right)


def test_structured_data_names_the_papers():
    for entry in entries():
        for url in (entry["url"], entry["url_zh"]):
            tree = html.parse(SITE / url).getroot()
            (data,) = [json.loads(text) for text in tree.xpath('//script[@type="application/ld+json"]/text()')]
            assert data["@type"] == "TechArticle"
            assert [c["url"] for c in data["citation"]] == [paper["url"] for paper in entry["papers"]]
            assert data["headline"] == tree.xpath('//meta[@property="og:title"]/@content')[0]


def test_catalog_keeps_to_its_published_schema():
    schema = json.loads((SITE / "catalog.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(entries())
    assert not validator.is_valid([{**entries()[0], "papers": [{"key": "a"}]}])


def test_recipes_keep_to_their_published_schema_and_lead_to_their_rows():
    schema = json.loads((SITE / "recipes.schema.json").read_text(encoding="utf-8"))
    recipes = json.loads((SITE / "recipes.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(recipes)
    for edition in ("", "zh/"):
        tree = html.parse(SITE / f"{edition}recipes.html").getroot()
        anchors = set(tree.xpath("//article//table//@id"))
        assert {recipe["id"] for recipe in recipes} == anchors


@pytest.mark.parametrize("edition", ["", "zh/"])
def test_feed_leads_to_pages(edition):
    root = ElementTree.parse(SITE / edition / "feed.xml").getroot()
    items = root.findall(f"{ATOM}entry")
    assert len({item.findtext(f"{ATOM}id") for item in items}) == len(items)
    dates = [item.findtext(f"{ATOM}updated") for item in items]
    assert dates == sorted(dates, reverse=True)
    for item in items:
        link = item.find(f"{ATOM}link")
        assert link is not None
        assert (SITE / edition / link.get("href", "")).is_file()


def test_long_snippets_begin_folded_and_unfold_by_keyboard(page: Page, address):
    page.goto(address + "optimizers/lbfgs.html")
    block = page.locator("#code-lbfgs-from-scratch")
    code = block.locator("pre code").first
    folded = code.bounding_box()
    block.locator(".unfold").focus()
    page.keyboard.press("Space")
    unfolded = code.bounding_box()
    assert folded
    assert unfolded
    assert unfolded["height"] > 2 * folded["height"]


@pytest.fixture
def nginx(tmp_path):
    """A real nginx with the configuration that the site ships; yields its address."""
    try:
        with tools.nginx(SITE, tmp_path) as address:
            yield address
    except tools.Missing as lack:
        pytest.skip(str(lack))


def test_nginx_serves_it_compressed_cached_and_guarded(nginx):
    def ask(path: str) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(nginx + path, headers={"Accept-Encoding": "gzip"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    status, headers, body = ask("index.html")
    assert (status, headers["content-encoding"], headers["cache-control"]) == (200, "gzip", "no-cache")
    assert gzip.decompress(body) == (SITE / "index.html").read_bytes()
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    style = next((SITE / "assets").glob("style.*.css")).name
    assert "immutable" in ask(f"assets/{style}")[1]["cache-control"]
    for wrong, language in (("no/such/page.html", b'lang="en"'), ("zh/no-such-page", b'lang="zh"')):
        status, headers, body = ask(wrong)
        assert status == 404
        text = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        assert language in text[:200]
        assert "content-security-policy" in headers
    assert ask("nginx.conf")[0] == 404
