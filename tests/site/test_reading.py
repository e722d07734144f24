"""Reading: formulas that copy as TeX, paper, Chinese typography, figures for those who cannot see them."""

from __future__ import annotations

import re

import pytest
from lxml import html
from playwright.sync_api import Browser, Page, expect

from scripts.problems import ROOT
from scripts.sources.outline import OUTLINE
from tests.site.pages import SITE, entries, html_pages

ADAM = "optimizers/adam.html"


def copied(page: Page, script: str) -> str:
    """What the clipboard holds after a selection made by ``script`` was copied with the keyboard."""
    page.evaluate(script)
    page.keyboard.press("Control+c")
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("name", [ADAM, f"zh/{ADAM}"])
def test_formulas_copy_as_tex(page: Page, address, name):
    page.goto(address + name)
    tex = {
        kind: page.locator(f"{place} annotation").first.text_content() or ""
        for kind, place in (("$", "article p .katex"), ("$$", "article .katex-display"))
    }
    select = "const s = getSelection(); s.removeAllRanges(); s.selectAllChildren(document.querySelector('{}'))"
    assert copied(page, select.format("article .katex-display")).strip() == f"$${tex['$$']}$$"
    assert copied(page, select.format("article p .katex")).strip() == f"${tex['$']}$"


def test_half_selected_formula_is_copied_whole_amid_its_sentence(page: Page, address):
    page.goto(address + ADAM)
    text = copied(
        page,
        """() => {
          const formula = [...document.querySelectorAll('article p .katex')].find(
            (f) => f.nextSibling && f.nextSibling.length > 3 && f.querySelector('annotation').textContent.length > 6);
          const letters = document.createTreeWalker(formula.querySelector('.katex-html'), NodeFilter.SHOW_TEXT);
          letters.nextNode();
          const inside = letters.nextNode();
          getSelection().setBaseAndExtent(inside, 0, formula.nextSibling, 3);
          window.wanted = '$' + formula.querySelector('annotation').textContent + '$'
            + formula.nextSibling.data.slice(0, 3);
        }""",
    )
    assert text.strip() == page.evaluate("wanted").strip()


def test_text_without_formulas_is_copied_by_the_browser(page: Page, address):
    page.goto(address + ADAM)
    text = copied(page, "getSelection().selectAllChildren(document.querySelector('article h1'))")
    assert text.strip().startswith("Adam")


def test_every_formula_has_mathml_and_tex():
    formulas = 0
    for name in html_pages():
        for formula in html.parse(SITE / name).getroot().xpath('//span[@class="katex"]'):
            formulas += 1
            assert formula.xpath('.//*[local-name()="math"]'), name
            assert formula.xpath('string(.//*[local-name()="annotation"])').strip(), name
            assert formula.xpath('./*[@class="katex-html"]/@aria-hidden') == ["true"]
    assert formulas > 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_holds_the_page_and_nothing_else(browser: Browser, address, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(address + ADAM)
    page.emulate_media(media="print", color_scheme=scheme)
    for part in (".md-header", ".md-tabs", ".md-sidebar", ".md-footer", ".md-path", ".fold", "a[download]"):
        assert page.locator(f"{part}:visible").count() == 0, part
    lightness = "e => Math.max(...getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3))"
    assert page.locator("article h1").evaluate(lightness) < 100, "light letters on white paper"
    long = page.locator("#code-adam-from-scratch pre > code").first
    assert long.evaluate("e => e.scrollHeight - e.clientHeight") <= 1, "the folded part is lost"
    assert long.evaluate("e => e.scrollWidth - e.clientWidth") <= 1, "long lines are cut off"
    original = page.locator("dl.facts a[href^='https://arxiv.org']").first
    assert "arxiv.org/abs/" in original.evaluate("e => getComputedStyle(e, '::after').content")
    page.goto(address + "initialization/rezero.html")
    expect(page.locator("details.figure-data td").first).to_be_visible()
    context.close()


def test_chinese_is_set_as_chinese(page: Page, address):
    page.goto(f"{address}zh/initialization/kaiming-init.html")
    style = page.evaluate(
        """() => {
          const p = document.querySelector('article p'), s = getComputedStyle(p);
          const em = p.appendChild(document.createElement('em'));
          return {family: s.fontFamily, ratio: parseFloat(s.lineHeight) / parseFloat(s.fontSize),
            spacing: s.textAutospace,
            em: getComputedStyle(em).fontStyle, cite: getComputedStyle(document.querySelector('cite')).fontStyle,
            nav: getComputedStyle(document.querySelector('.md-nav')).textAutospace};
        }"""
    )
    for family in ("PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC"):
        assert family in style["family"]
    assert style["ratio"] >= 1.7
    assert (style["em"], style["cite"]) == ("normal", "normal")
    assert (style["spacing"], style["nav"]) == ("normal", "normal")


def test_chinese_quotation_marks_are_full_width_beside_a_latin_font(page: Page, address):
    page.goto(f"{address}zh/initialization/kaiming-init.html")
    page.add_style_tag(content="@font-face { font-family: 'Segoe UI'; src: local('DejaVu Sans') }")  # as Windows has
    page.evaluate("Promise.all(['Segoe UI', 'Han signs'].map((name) => document.fonts.load(`16px '${name}'`, 'A“')))")
    widths = page.evaluate(
        """() => [...'A“”'].map((sign) => {
          const p = document.querySelector('article p'), own = p.appendChild(document.createElement('span'));
          own.textContent = `字${sign}字`;
          return own.getBoundingClientRect().width / parseFloat(getComputedStyle(p).fontSize) - 2;
        })"""
    )
    assert widths[0] < 0.99
    assert widths[1:] == pytest.approx([1, 1], abs=0.02)


# The marks of claims that stand in another line than what they prove.
ORPHANS = """() => [...document.querySelectorAll('.claim-mark')].filter((mark) => {
  const walk = document.createTreeWalker(mark.parentElement, NodeFilter.SHOW_TEXT);
  let last = null;
  for (let n = walk.nextNode(); n && !mark.contains(n); n = walk.nextNode()) if (n.data.trim()) last = n;
  const range = document.createRange(), end = last.data.trimEnd().length;
  range.setStart(last, end - 1);
  range.setEnd(last, end);
  const box = [...range.getClientRects()].pop(), own = mark.getClientRects()[0];
  return box && own && own.width && own.top >= box.bottom - 2;
}).map((mark) => mark.parentElement.textContent)"""


@pytest.mark.parametrize(
    "name", ["optimizers/adamw", "initialization/kaiming-init", "convolutions/strided-convolution"]
)
def test_no_line_of_a_chinese_page_begins_with_the_mark_of_a_claim(page: Page, address, name):
    page.goto(f"{address}zh/{name}.html", wait_until="domcontentloaded")
    assert page.locator(".claim-mark").count() > 5
    for width in (*range(320, 480, 8), *range(480, 1500, 60)):  # each breaks the lines elsewhere
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.evaluate(ORPHANS), width


def test_generated_chinese_has_chinese_punctuation():
    """A half-width colon, comma or semicolon between two Han characters is a translation left half done."""
    found = []
    for name in html_pages():
        if name.startswith("zh/") and "reference/" not in name:
            article = html.parse(SITE / name).getroot().find(".//article")
            for code in article.xpath(".//pre | .//code | .//*[local-name()='svg'] | .//*[@class='katex']"):
                code.clear(keep_tail=True)
            found += [
                (name, text) for text in re.findall(r"[\u4e00-\u9fff][,:;]\s?[\u4e00-\u9fff]", article.text_content())
            ]
    assert not found


def test_chinese_pages_name_their_sections_alike_and_leave_no_gap_before_brackets():
    wanted = {heading.id: heading.titles["zh"] for heading in OUTLINE}
    for entry in entries():
        article = html.parse(SITE / entry["url_zh"]).getroot().find(".//article")
        for heading in article.xpath(".//h2"):
            assert heading.text == wanted.get(heading.get("id"), heading.text), entry["id"]
        for cite in article.xpath('.//p/a[@class="cite"] | .//li/a[@class="cite"]'):
            before = cite.getprevious().tail if cite.getprevious() is not None else cite.getparent().text
            assert not re.search(r"\s（$", before or ""), (entry["id"], before)


def test_no_chinese_sentence_has_a_gap_where_a_line_of_its_source_ended():
    wide = "[\u3001-\u303f\u4e00-\u9fff\uff00-\uffef]"
    found = [
        f"{name}: {gap}"
        for name in html_pages()
        if name.startswith("zh/")
        for text in html.parse(SITE / name).getroot().xpath("//article//*[self::p or self::li or self::td]")
        for gap in re.findall(rf".{{,12}}{wide}✓?\n *{wide}.{{,12}}", text.text_content())
    ]
    assert not found, "\n".join(found)


def test_figures_say_what_they_show_and_carry_their_numbers():
    figures = 0
    for entry in entries():
        for url in ("url", "url_zh"):
            text = (ROOT / "docs/en" / entry["url"].replace(".html", ".md")).read_text(encoding="utf-8")
            tables = set(re.findall(r"\(table:([\w-]+)\.csv\)", text))  # their numbers stand there and nowhere else
            drawn = html.parse(SITE / entry[url]).getroot().xpath('//figure[@class="evidence"]')
            for stem, figure in zip(re.findall(r"\(figure:([\w-]+)\.svg", text), drawn, strict=True):
                figures += 1
                (drawing,) = figure.xpath('./*[local-name()="svg"]')
                assert drawing.get("role") == "img"
                assert len(drawing.get("aria-label") or "") > 20, entry[url]
                is_picture = drawing.xpath('.//*[local-name()="image"]')  # its numbers are its pixels
                is_mask = stem.endswith("-axes")  # which elements share statistics: yes or no, and the words say which
                folded = bool(figure.xpath('./details[@class="figure-data"]//td'))
                assert is_picture or is_mask or folded or stem in tables, f"{entry[url]}: {stem} without its numbers"
                assert not (folded and stem in tables), f"{entry[url]}: {stem} repeats a table as its own numbers"
    assert figures > 100


def test_badge_opens_the_output_and_the_tests_that_prove_more():
    for entry in entries():
        for url in ("url", "url_zh"):
            page = html.parse(SITE / entry[url]).getroot()
            named = {element.get("id"): element for element in page.iter() if element.get("id")}
            for snippet, bar in zip(entry["snippets"], page.xpath('//p[@class="snippet-bar"]'), strict=True):
                (badge,) = bar.xpath('./a[@class="badge"]')
                assert re.search(r"torch \d.*CPU.* \d{4}-\d\d-\d\d · \d+\.\d\d s", badge.text_content()), snippet[
                    "path"
                ]
                assert named[badge.get("href")[1:]].text_content().strip()
                assert bar.xpath('./a[@href="#claims-and-tests"]'), snippet["path"]
            assert page.xpath('//*[@id="claims-and-tests"]/following-sibling::details[@class="proof"]')
