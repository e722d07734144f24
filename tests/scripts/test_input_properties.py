"""Whatever is written in a source file: it is shown as it was written, or one line says where and what to do.

Examples are mostly near the edge of what is understood: sound pieces, a few of them spoiled. Their numbers
are such that each test takes a second or two; six thousand of each were tried when this was written.
"""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlsplit

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from scripts.generate import front_matter, html, signs
from scripts.generate.snippets import fence
from scripts.problems import BuildError
from scripts.sources import check_markdown, frontmatter, marks, papers
from scripts.sources.pages import Page
from tests.scripts import rendered

SIGNS = [
    "a", "b1", "中", "word", "2015", "x_i", "f_", "__init__", " ", "  ", "    ", "\n", "\n\n", "- ", "* ", "+ ", "1. ",
    "2. ", "3. ", "1) ", "# ", "## ", "#", "**", "*", "_", "`", "``", "```", "~~~", "```py", "~", "^", "\\", "[", "]",
    "(", ")", "](", "](claim:x)", "](index.md)", "](https://a.example/b)", "](javascript:x)", "![", "[@", "[^1]",
    "]:", "<", "<b>", "</b>", "<a href=\"x.zip\">", "</a>", "<details markdown>", "</details>", "<!--", "<script>",
    "<?", "&", "&amp;", ":", ":tada:", ": ", "!!! note", "    text", "=== \"t\"", "> ", "$", "$$", "$x$", "{", "}",
    "{: #a }", "--", "---", "===", "!", "+", "-", "[TOC]", ":::", "--8<-- \"facts/x.md\"", "- [ ] ", "\"", "'", ".",
    ",", "\t", "8<", "\u0000", "\u200b", "©", "|", "|---|", "\n|---|---|\n", "| a | b |",
]  # fmt: skip
SOUND = [
    "A sentence of words, with `code`, *stress* and **weight**.",
    "[A claim of `x`](claim:x). See [there](index.md) and [abroad](https://a.example/b_(c)).",
    "- one\n- two goes\n  on\n- three",
    "1. one\n2. two",
    "- one\n\n    more of it\n\n    ```python\n    x = `1`\n    ```\n\n- two\n    - within",
    "## A heading {#name}",
    "| a | `b|c` |\n|---|:-:|\n| 1 | *x* |\n| \\| | 2 |",
    "```python\n# no heading\n[x](claim:y)\n```",
    "~~~\n```\n- no list\n```\n~~~",
    '!!! note "Title"\n\n    Its text.',
    '??? note "Title"\n\n    ```\n    a\n\n      b\n    ```',
    '<details class="x" markdown>\n<summary>More</summary>\n\n```\n<b>\n```\n\n</details>',
    "Prices of $5 and \\$6, the interval [0, 1], \\*no stress\\*, a < b, fan_in.",
    'The <a href="feed.xml">feed</a> of *many\nlines*.',
    "中文与 `code`，**重点**，[结论](claim:x)。",
]
noise = st.lists(st.sampled_from(SIGNS), min_size=1, max_size=6).map("".join)
blocks = st.lists(st.one_of(st.sampled_from(SOUND), noise), min_size=1, max_size=4)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """A body of sound blocks and noise, in which one more sign may have slipped."""
    body = "\n\n".join(["# T", *draw(blocks)])
    if draw(st.booleans()):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.sampled_from(SIGNS)) + body[place:]
    return body


def refused(body: str) -> bool:
    """Whether the build stops at this body; each reason with a line of it, a message and a remedy."""
    page = Page("page.md", "page.md", "en", body, {"title": "T"}, body, 1)
    found = check_markdown.problems(page)
    for problem in found:
        assert 1 <= problem.line <= body.count("\n") + 1
        assert problem.message
        assert problem.remedy
    unseen = re.search("[\x00\u200b]", body)  # looked for in the whole file, not in the body
    return bool(found or unseen or marks.suspects(body))


def expected(body: str) -> str:
    """What readers shall see of a body that is not refused, without white space: a second, simpler reader."""
    text = []
    inside = ""
    for line in body.split("\n"):
        bar = re.match(r" *(```+|~~~+)", line)
        if inside or bar:
            if bar and not inside:
                inside = bar[1]
            elif line.strip() == inside:
                inside = ""
            else:
                text.append(line)
            continue
        if re.fullmatch(r" *\|[ |:-]+\| *|\{:.*\}|</?(details|div).*>", line):
            continue
        line = re.sub(r"^ *(- |\d+\. |#{1,6} )", "", line)
        line = re.sub(r'^(?:!!!|\?\?\?\+?) (\w+)(?: "(.*)")?$', lambda m: m[2] if m[2] else m[1].title(), line)
        text.append(_inline(line))
    return re.sub(r"\s", "", _without_brackets("".join(text)))


def _inline(line: str) -> str:
    parts = re.split(r"(?<!\\)(`+)(?!`)(.+?)(?<!`)\1(?!`)", line)
    out = []
    for place, part in enumerate(parts):
        if place % 3 == 0:
            part = re.sub(r"\]\((?:[^()\s]|\([^()]*\))*(?: \"[^\"]*\")?\)", "\x01", part)
            part = re.sub(r"</?(a|kbd|sub|sup|small|span|summary)\b[^<>]*>|<w?br>| *\{ *#[\w-]+ *\}", "", part)
            part = re.sub(r"(?<!\\)[*|]", "", part)
            out.append(re.sub(r"\\(.)", r"\1", part))
        elif place % 3 == 2:
            out.append(part)
    return "".join(out)


def _without_brackets(whole: str) -> str:
    while "\x01" in whole:  # the bracket that the nearest link began with, on this line or one before
        end, depth = whole.index("\x01"), 0
        for start in range(end - 1, -1, -1):
            depth += (whole[start] == "]") - (whole[start] == "[")
            if depth < 0:
                break
        whole = whole[:start] + whole[start + 1 : end] + whole[end + 1 :]
    return whole


@settings(max_examples=300, deadline=None)
@given(bodies())
@example('# T\n\n!!! n--ote "Title"\n\n    Its text.')  # hypothesis found it: a kind that the theme does not know
@example("# T\n\n[\nA claim of `x`](claim:x).")  # its bracket is on the line before
def test_body_is_shown_as_it_is_written_or_refused(body):
    if refused(body):
        event("refused")
        return
    event("shown")
    found = marks.marks(body)
    assume(not any(mark.kind in ("formula", "include", "cite", "embed") for mark in found))
    staged = marks.replace(body, found, lambda m: f'<span class="claim">{m.text}</span>' if m.kind == "claim" else None)
    page = rendered.page(staged)
    for permalink in page.xpath('//a[@class="headerlink"]'):
        permalink.text = ""
    assert re.sub(r"\s", "", page.text_content()) == expected(body)
    fences = list(marks.fences(body))
    assert len(page.xpath("//pre")) == len(fences)
    assert len(page.xpath("//h1|//h2|//h3|//h4|//h5|//h6")) == sum(mark.kind == "heading" for mark in found)
    outside = marks.without_fences(body)
    assert len(page.xpath("//li")) == len(re.findall(r"^ *(?:-|\d+\.) ", outside, re.MULTILINE))
    assert len(page.xpath('//span[@class="claim"]')) == sum(mark.kind == "claim" for mark in found)
    assert not page.xpath("//blockquote|//hr|//dl|//img|//script|//b|//br")


marked = st.sampled_from("\\`*_{}[]()<>#+-.!|$~^:=&;\"'@ ab1中x")
printable = st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("C", "Z"))
plain_text = st.text(st.one_of(marked, printable), min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=150, deadline=None)
@given(plain_text)
def test_generated_text_is_no_markdown(text):
    """In a paragraph, in an attribute, in a cell of Markdown's own tables, in a heading, in a block of HTML."""
    said = html.text(text)
    page = rendered.page(
        f'w <b title="{said}">{said}</b> and {html.code(text)}\n\n'
        f"| a | b |\n|---|---|\n| <i>{said}</i> | c |\n\n"
        f"## {html.heading(text)} {{#x}}\n\n<div>\n<p>{said}</p>\n</div>\n"
    )
    shown = " ".join(text.split())
    (bold,) = page.xpath("//b")
    assert " ".join(bold.get("title").split()) == shown
    for place in ("//b", "//code", "//i", "//div/p"):
        (element,) = page.xpath(place)
        assert rendered.words(element) == shown
        assert not len(element)
    (heading,) = page.xpath('//h2[@id="x"]')
    assert rendered.words(heading).removesuffix("¶") == shown


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["```", "````", "~~~", "a", "", "<b>", "$x$", "[x](y)", "# h", "    b", "``` py"]), max_size=6
    )
)
def test_output_is_shown_as_it_was_printed(lines):
    """As the page shows it, and as the copy in Markdown does; nothing after it is drawn in."""
    output = "\n".join([*lines, "end"])
    page = rendered.page(f"{fence(output, ' { .text }')}\n\nafter *it*\n")
    assert page.xpath("string(//pre)").strip("\n") == output.strip("\n")
    assert rendered.words(page.xpath("//p")[0]) == "after it"
    (block,) = marks.fences(fence(output, "text") + "\n")
    assert not block.problem


@settings(max_examples=150, deadline=None)
@given(plain_text)
def test_text_in_copies_as_markdown_is_text(text):
    """Read by Markdown's other reader, for people read these copies with readers of many kinds."""
    page = MarkdownIt("commonmark").render(f"- w [{signs.written(text)}](x) z")
    assert " ".join(re.sub(r"<[^<>]*>", "", page).split()) == html_escaped(f"w {text} z")


def html_escaped(text: str) -> str:
    """As the reader writes text."""
    return escape(" ".join(text.split()), quote=False).replace('"', "&quot;")


FIELDS = {
    "title": "A Paper",
    "author": "Doe, Jane and Roe, R.",
    "year": "2020",
    "url": "https://a.example/b",
    "doi": "",
    "eprint": "",
}
BITS = [
    "{", "}", "{{", "}}", "\\", "\\\"{\\i}", "\\'e", "\\&", "&", "\\_", "_", "\\%", "%", "$", "$x$", "\\$", "~", "--",
    "#", "\"", "'", " and ", "and others", ",", ";", "[x](y)", "<b>", "\\emph{x}", "ü", "@", "=", "\n", "10.1000/a",
    "math.GT/0309136", "2001.00001", "https://b.example/", "javascript:", "2019", "{\\\"o}", "\\url{", "\\~{}", "^",
    "*", "`", ":", ".",
]  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> str:
    """A record, one or two of whose fields are spoiled or made up of bits."""
    fields = dict(FIELDS)
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        bits = "".join(draw(st.lists(st.sampled_from(BITS), min_size=1, max_size=4)))
        fields[name] = draw(st.sampled_from([bits, fields[name] + bits, bits + fields[name]]))
    return "@article{key,\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value) + "}\n"


@settings(max_examples=300, deadline=None)
@given(records())
def test_record_of_a_paper_is_plain_text_or_refused(record):
    try:
        found = papers.read(record, "papers.bib")
    except BuildError as error:
        for problem in error.problems:
            assert (problem.path, problem.line > 0) == ("papers.bib", True)
            assert problem.line <= record.count("\n") + 1
        event("refused")
        return
    event("taken")
    for paper in found.values():
        url = urlsplit(paper.url)
        assert url.scheme in ("http", "https")
        assert "." in (url.hostname or "")
        assert re.fullmatch(r"[!-~]+", paper.url)
        assert not re.search(r"[\\{}<>\"^`|]", paper.url)
        for text in (paper.title, *paper.names):
            assert text == text.strip() != ""
            assert not re.search(r"[\\{}\n]", text)
        authors = record.partition("author = {")[2].partition("},\n")[0]
        if not re.search(r"[{}]", authors):  # then every 'and' parts two names, and nothing else does
            assert len(paper.names) + paper.others == len(re.split(r"\s+and\s+", authors.strip()))
            assert not any(re.search(r"[&;]", name) for name in paper.names)
        assert "$" not in paper.title or "\\$" in record


VALUES = [
    "a", "1", "1.5", "yes", "null", "2020-13-45", "!!int x", "[", "]", "{", "}", ": ", "#", "'", "\"", "- x", "*a",
    "&a", "\\x07", "\"\\u200b\"", "\n", "\n  ", "<b>", "&lt;", "$x$", "...", "---", "\t", "?", "%", "@", "`", "9999",
    "é", "=",
]  # fmt: skip
HEAD = {
    "title": "T",
    "summary": "S.",
    "aliases": "[a]",
    "papers": "[]",
    "related": "[]",
    "order": "1",
    "year": "2020",
    "torch": "[torch.add]",
}


@st.composite
def heads(draw: st.DrawFn) -> str:
    """Front matter, one or two of whose values are spoiled or made up of bits."""
    values = dict(HEAD)
    for key in draw(st.lists(st.sampled_from([*sorted(values), "new"]), max_size=2)):
        bits = "".join(draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4)))
        values[key] = draw(st.sampled_from([bits, values.get(key, "") + bits]))
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in values.items()) + "---\n\n# T\n"


@settings(max_examples=300, deadline=None)
@given(heads())
def test_front_matter_is_read_or_refused(text):
    meta, _, _, problems = frontmatter.split(text, "page.md")
    problems += [] if problems else frontmatter.check(meta, text, "page.md", "en", is_entry=True)
    for problem in problems:
        assert problem.path == "page.md"
        assert 1 <= problem.line <= text.count("\n")
        assert problem.message
        assert problem.remedy
    event("refused" if problems else "taken")
    if not problems:
        assert set(meta) <= set(frontmatter.SPOKEN | frontmatter.NEUTRAL)
        for value in meta.values():
            for item in value if isinstance(value, list) else [value]:
                assert isinstance(item, int) or (item.strip() and item.isprintable())
        staged = front_matter.text({"title": escape(meta["title"])})
        assert frontmatter.value(staged.split("---\n")[1], "x")["title"] == escape(meta["title"])
