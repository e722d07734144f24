"""Of every page: nothing from elsewhere, no horizontal scrolling, no barrier, and snippets that copy to the byte.

A page is visited once, since each visit costs half a second of processor time and there are two pages an entry.
axe-core with all of its rules goes over one page of each kind; these are judged otherwise on all the others:

- color-contrast: the pairs of colours that the page shows (``colours``), tokens of code and formulas among them;
- link-in-text-block: there, too, each link against the words around it;
- all other rules: axe, after what only those two could object to was taken out of the page (``bare.js``), which fails
  where anything else is found in its place.

A page that holds no kind of element (``kinds.js``) that was not judged before, on another page, is not judged for
colours and by axe, and the text of its snippets is compared without the clipboard: buttons that are like its own, in
blocks that are like its own, were pressed before; which lines those of parts would copy is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from pygments.token import STANDARD_TYPES

from tests.site import colours
from tests.site.pages import blocks, entries, file, groups, html_pages

HERE = Path(__file__).parent
AXE = (HERE / "vendor" / "axe.min.js").read_text(encoding="utf-8")
BARE, COPIES, KINDS = ((HERE / name).read_text(encoding="utf-8") for name in ("bare.js", "copies.js", "kinds.js"))
# The text of the code in each block of these ids, and the lines that its buttons of parts copy.
TEXTS = """ids => Object.fromEntries(ids.map(id => [id, [
  document.querySelector(`#${id} .highlight pre code`).textContent,
  [...document.querySelectorAll(`#${id} .copy-part`)].map(part => part.dataset.lines)]]))"""
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
JUDGED: set[int] = set()  # kinds of element that this process has seen judged
COLOR_RULES = ["color-contrast", "link-in-text-block"]  # all of axe's that another colour scheme can break


def one_of_each_kind() -> list[str]:
    """Every page of no section, a section's index, an entry, a page of the reference; two in Chinese."""
    names = html_pages()
    loose = [name for name in names if "/" not in name]
    first = [next((name for name in names if name.startswith(folder)), "") for folder in ("optimizers/a", "reference/")]
    return [*loose, "optimizers/index.html", *first, *(f"zh/{name}" for name in ("index.html", first[0]))]


def twins() -> list[tuple[str, ...]]:
    """Each page in English with its Chinese twin after it, if it has one; pages that are Chinese only by themselves."""
    names = set(html_pages())
    english = [name for name in html_pages() if not name.startswith("zh/")]
    alone = [(name,) for name in sorted(names) if name.startswith("zh/") and name.removeprefix("zh/") not in names]
    return [*((name, *({f"zh/{name}"} & names)) for name in english), *alone]


def test_there_is_a_site_to_test(site):
    assert len(html_pages()) > 40
    assert len(entries()) > 20


def test_each_page_has_its_turn():
    """Whatever is an English page's twin comes right after it."""
    assert sorted(name for pair in twins() for name in pair) == html_pages()
    assert ("optimizers/adam.html", "zh/optimizers/adam.html") in twins()


@pytest.mark.parametrize(
    "html",
    [
        '<button type="button"></button>',
        '<a href="#top"></a>',
        '<img src="logo.svg">',
        '<p id="evidence">Twice.</p>',
        "<h4>A level left out.</h4>",
        '<a href="#evidence" aria-describedby="nowhere">Lost.</a>',
        2 * '<div role="region" aria-label="Same" tabindex="0">A landmark</div>',
        "<pre><code>" + "long " * 99 + "</code></pre>",
        '<p style="color: #999">Grey.</p>',
        '<p class="admonition">Of another class.</p>',
        '<p aria-hidden="true">Hidden.</p>',
        "<blockquote><h2>A heading in another place.</h2></blockquote>",
        '<p><span class="katex"><span style="color: #bbb">x</span></span></p>',
        '<p><svg><text style="fill: #bbb">1</text></svg></p>',
    ],
)
def test_what_was_not_judged_is_another_kind(page: Page, address, html):
    """Whatever axe or a style could see in it; words and addresses alone make none."""
    page.goto(address + "zh/optimizers/adam.html")
    before = set(page.evaluate(KINDS))
    add = "html => document.querySelector('article').insertAdjacentHTML('beforeend', html)"
    page.evaluate(add, '<h2 id="other">别的标题<a class="headerlink" href="#other" title="链接">¶</a></h2>')
    assert set(page.evaluate(KINDS)) <= before
    page.evaluate(add, html)
    assert not set(page.evaluate(KINDS)) <= before


@pytest.mark.parametrize("pairs", groups(twins(), 12), ids=lambda pairs: pairs[0][0])
def test_page_is_whole_narrow_readable_and_without_barriers(browser: Browser, address, pairs):
    """One visit a page: what it loads, its width and its tables on a phone, its snippets, its colours, and axe.

    Copying: each snippet by its button and by hand, and each of its parts that a button copies, is what the file holds.
    """
    context = browser.new_context(viewport=PHONE, color_scheme="light", reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, found = watched(context, urlsplit(address).netloc)
    names = [name for pair in pairs for name in pair]
    for name in names:
        found.append(name)
        page.set_viewport_size(PHONE)
        page.goto(address + name)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            found.append(f"is {width} pixels wide on a phone of {PHONE['width']}")
        found += [f"breaks '{word}' in a cell" for word in page.evaluate(BROKEN)]
        page.set_viewport_size(DESKTOP)
        kinds = set(page.evaluate(KINDS))
        is_known = kinds <= JUDGED
        JUDGED.update(kinds)  # what is wrong with them fails this test
        found += mistyped(page, name) if is_known else miscopied(page, name)
        if not is_known:
            for scheme in colours.SCHEMES:
                found += colours.faint(page, scheme)
        found += (f"within code or a formula: {html}" for html in page.evaluate(BARE))
        if is_known:
            continue
        page.evaluate(AXE)
        found += violations(page, "default", left_out=COLOR_RULES)
    context.close()
    assert found == names, "\n".join(found)


@pytest.mark.parametrize("name", one_of_each_kind())
def test_one_page_of_each_kind_by_all_rules_of_axe(page: Page, address, name):
    """With nothing taken out, in both colour schemes."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + name)
    page.evaluate(AXE)
    found = violations(page, "default") + violations(page, "slate", only=COLOR_RULES)
    assert not found, "\n".join(found)


def test_every_kind_of_token_can_be_read(page: Page, address):
    """All that Pygments can colour, on the background of code and of highlighted lines, shown anywhere or not."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + one_of_each_kind()[-1])
    tokens = "".join(f'<span class="{short}">{short}</span> ' for short in STANDARD_TYPES.values() if short)
    block = f'<div class="highlight"><pre><code>{tokens}<span class="hll">{tokens}</span></code></pre></div>'
    page.evaluate("html => { document.querySelector('article').innerHTML = html }", block)
    assert page.locator("article span:visible").count() > 2 * 70
    found = [fault for scheme in colours.SCHEMES for fault in colours.faint(page, scheme)]
    assert not found, "\n".join(found)


def test_what_cannot_be_read_is_found(page: Page, address):
    """Grey text, a token, a formula, text that is nearly transparent, and a link without a line under it."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + "optimizers/adam.html")
    assert not list(colours.faint(page, "default"))
    for style, kind in (
        ("article h2 { color: #999 !important }", "text"),
        ("article h2 { opacity: .4 }", "text"),
        ("article pre code .k { color: #aaa !important }", "text"),
        ("article .katex { color: #bbb !important }", "text"),
        ("article :is(p, li) { background: #777 !important }", "text"),
        ("article a { text-decoration: none !important; color: #123 !important }", "link"),
    ):
        tag = page.add_style_tag(content=style)
        assert any(f"a {kind} of" in fault for fault in colours.faint(page, "default")), style
        tag.evaluate("e => e.remove()")


def test_what_is_shown_otherwise_is_found(page: Page, address):
    """A letter more in a snippet, and a button that copies a line too many."""
    name = "optimizers/adam.html"
    page.goto(address + name)
    assert not list(mistyped(page, name))
    for change in (
        "document.querySelector('.snippet pre code').append('x')",
        "document.querySelector('.copy-part').dataset.lines = '3-9999'",
    ):
        page.goto(address + name)
        page.evaluate(change)
        assert len(list(mistyped(page, name))) == 1, change


def test_contrast_is_that_of_wcag():
    """Black on white is 21, a colour on itself 1, and #767676 is the lightest grey that passes on white."""
    white = (255, 255, 255)
    assert colours.contrast((0, 0, 0), white) == pytest.approx(21)
    assert colours.contrast(white, white) == 1
    assert colours.contrast((0x77,) * 3, white) < 4.5 <= colours.contrast((0x76,) * 3, white)


def watched(context: BrowserContext, host: str) -> tuple[Page, list[str]]:
    """A page, and the list of what goes wrong on it."""
    page = context.new_page()
    page.set_default_timeout(60_000)
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(f"script error: {error}"))
    page.on("console", lambda said: found.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda request: found.append(f"asks {request.url}") if foreign(request.url, host) else None)
    page.on("response", lambda answer: found.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    return page, found


def foreign(url: str, host: str) -> bool:
    """Whether an address is neither on the site's host nor within the page."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).netloc != host


def miscopied(page: Page, name: str) -> Iterator[str]:
    """Snippets of the open page of which a copy is not what the file holds."""
    shown = blocks(name)
    texts = {anchor: file(name) for anchor, name in shown.items()}
    for anchor, got in (page.evaluate(COPIES, texts) if shown else {}).items():
        wanted = texts[anchor]
        lines = wanted.split("\n")
        copies = {"its button": (got["whole"], wanted), "selecting it": (got["selected"], wanted)}
        for span, part in got["parts"]:
            first, last = map(int, span.split("-"))
            copies[f"the button of its lines {span}"] = (part, "\n".join(lines[first - 1 : last]))
        for way, (copied, right) in copies.items():
            if copied.removesuffix("\n") != right:
                yield f"{shown[anchor]} is another when copied by {way}"


def mistyped(page: Page, name: str) -> Iterator[str]:
    """Snippets of the open page whose text is not what the file holds, or a part of which is no part of it."""
    shown = blocks(name)
    for anchor, (text, parts) in page.evaluate(TEXTS, list(shown)).items():
        wanted = file(shown[anchor])
        if text.removesuffix("\n") != wanted:
            yield f"{shown[anchor]} is shown as something else"
        for span in parts:
            first, last = map(int, span.split("-"))
            if not 1 <= first <= last <= len(wanted.split("\n")):
                yield f"{shown[anchor]} has no lines {span} to copy"


def violations(page: Page, scheme: str, only: list[str] | None = None, left_out: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page in a colour scheme; by all of its rules, by some, or by all but some."""
    page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
    options = {"resultTypes": ["violations"], "rules": {rule: {"enabled": False} for rule in left_out or []}}
    if only:
        options["runOnly"] = only
    result = page.evaluate("options => axe.run(options)", options)
    return [
        f"axe, {scheme}: {violation['id']}: {violation['help']}: {node['target']} {node['html'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]
