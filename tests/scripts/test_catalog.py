"""Each mistake in the sources is named with its file and line, and none goes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.problems import ROOT, BuildError, Problem
from scripts.sources import checks, papers
from scripts.sources.catalog import load
from tests.scripts.small_guide import SNIPPET, edit, write

EN, ZH = "docs/en/demo/double.md", "docs/zh/demo/double.md"
USE, EVIDENCE = "snippets/demo/double/use.py", "snippets/demo/double/evidence.py"


def found(root: Path) -> list[Problem]:
    """Every problem of the tree."""
    try:
        return sorted(set(checks.inspect(load(root))))
    except BuildError as error:
        return error.problems


def only(root: Path) -> Problem:
    """The one problem of the tree."""
    problems = found(root)
    assert len(problems) == 1, problems
    return problems[0]


def test_sound_tree_has_no_problem(guide):
    assert found(guide) == []


# (file, what stands there, what stands there instead, words of the message). The line is where the mistake was made.
MISTAKES = [
    (EN, "claim:linear", "claim:linaer", "has no test tests/snippets/demo/test_double.py::test_linaer"),
    (EN, "[@doe2020paper]", "[@doe2021paper]", "unknown paper 'doe2021paper'"),
    (EN, "papers: [doe2020paper]", "papers: [nobody]", "unknown paper 'nobody'"),
    (EN, '"use.py"', '"uze.py"', "missing snippet snippets/demo/double/uze.py"),
    (EN, '"facts"', '"fakts"', "nothing is generated as 'fakts'"),
    ("docs/sections.yaml", "entries: [double]", "entries: [duoble]", "'duoble' of section 'demo' has no page"),
    ("docs/sections.yaml", "zh: 数", "sh: 数", "a family of 'demo' is not readable"),
    ("docs/sections.yaml", "entries: [double]", "entries: [double, double]", "'double' is listed 2 times"),
    ("docs/search/demo.en.yaml", "double:", "treble:", "'treble' is no page here"),
    ("docs/search/demo.en.yaml", "  - make it twice", "  make it twice", "'double' is no list of phrases"),
    ("docs/search/demo.en.yaml", "  - make it twice", "  - 2", "'double' is no list of phrases"),
    (EN, "(index.md)", "(indx.md)", "dead link to indx.md"),
    (EN, "(index.md)", "(index.md#nowhere)", "has no heading or pitfall #nowhere"),
    (EN, "(index.md)", "(double.md#pitfall-doubling)", "has no heading or pitfall #pitfall-doubling"),
    (EN, "- [Doubling is linear]", "- **！** [Doubling is linear]", "this pitfall has no words to be found by"),
    (EN, "(index.md)", "(../../x.md)", "dead link to ../../x.md"),
    (EN, "related: []", "related: [tripel]", "related: 'tripel' is no other entry"),
    (EN, "related: []", "related: [double]", "related: 'double' is no other entry"),
    (EN, "tags: [numbers]", "tags: [nubmers]", "unknown tag 'nubmers'"),
    ("docs/tags.yaml", "id: numbers", "id: letters", "no entry bears the tag 'letters'"),
    (EN, "formerly: [twice, ", "formerly: [double, ", "formerly: 'demo/double' is a page today"),
    (EN, "formerly: [twice, ", "formerly: [demo/index, ", "formerly: 'demo/index' is a page today"),
    (EN, "formerly: [twice, ", "formerly: [Twice.html, ", "formerly: 'demo/Twice.html' is no address of an entry"),
    (EN, "formerly: [twice, ", "formerly: [reference/demo, ", "formerly: 'reference/demo' is no address of an entry"),
    (ZH, "aliases: [乘二]", "aliases: [乘二]\nformerly: [twice]", "'formerly' does not belong here"),
    (EN, "year: 2020", "year: soon", "'year' must be a whole number"),
    (EN, "year: 2020", "yaer: 2020", "'yaer' does not belong here"),
    (EN, "aliases: [times two]", "aliases: [times two, 2010]", "'aliases' must be a list of texts"),
    (EN, "aliases: [times two]", "aliases: [times two", "broken front matter"),
    (EN, "year: 2020", "year: 2020\nyear: 2021", "'year' is given twice"),
    (EN, "summary: Doubles its input.", "summary:", "'summary' must be a text"),
    (EN, "$2x$", r"$2\frac{x$", "not readable as a formula"),
    (EN, "[@doe2020paper]", "[@doe2020paper", "a mark that is not understood"),
    (EN, "(claim:linear)", "(claim:linear ", "a mark that is not understood"),
    (EN, '"use.py"', "use.py", "a mark that is not understood"),
    (ZH, "aliases: [乘二]", "aliases: [乘二]\nyear: 2020", "'year' does not belong here"),
    (EN, "kind: concept", "kind: idea", "'idea' is no kind of page"),
    (EN, "## Pitfalls", "## Traps", "the section 'Pitfalls' is missing"),
    (EN, "## Pitfalls", "## Traps {#pitfalls}", "the heading 'Traps' is another on other pages"),
    (ZH, "## 何时慎用", "## 何时三思", "the heading '何时三思' is another on other pages"),
    (EN, "kind: concept\n", "", "the section 'How it works' is missing"),
    ("docs/papers.bib", "year = {2020}", "yaer = {2020}", "lacks year"),
    ("docs/papers.bib", "eprint = {2001.00001}", "eprint = {2001.1}", "is no arXiv id"),
    ("docs/papers.bib", "eprint = {2001.00001}", "note = {x}", "lacks one of eprint, doi, url"),
    ("docs/papers.bib", "title = {A Paper},", "title = A Paper},", "not readable as BibTeX"),
    ("docs/papers.bib", "title = {A Paper}", r"title = {The $\ell_1$ Paper}", "has a formula"),
    ("docs/papers.bib", "title = {A Paper}", r"title = {An \emph{A} Paper}", "'\\emph' is not understood"),
    ("docs/papers.bib", "Roe, Richard and", r"Roe, Richard \&", "not joined by one 'and'"),
    ("docs/papers.bib", "Roe, Richard and", "Roe, Richard;", "not joined by one 'and'"),
    ("docs/papers.bib", "and Poe, Paul", "et al.", "is no name of a person"),
    ("docs/papers.bib", "eprint = {2001.00001}", "url = {javascript:alert(1)}", "is no web address"),
    ("docs/papers.bib", "eprint = {2001.00001}", 'url = {https://a.example/"x}', "is no web address"),
    ("docs/papers.bib", "eprint = {2001.00001}", "doi = {ten}", "has the doi 'ten', which is none"),
    ("docs/papers.bib", "eprint = {2001.00001}", "crossref = {proceedings}", "is no record"),
    ("docs/papers.bib", "year = {2020}", "year = {20}", "has the year '20'"),
    ("docs/papers.bib", "Poe, Paul", "Poe\u200b, Paul", "the invisible character U+200B"),
    (EN, "title: Double", "title: Double\u200b", "the invisible character U+200B"),
    (EN, "title: Double", 'title: "Dou\\nble"', "'title' holds an empty text, a line break"),
    (EN, "summary: Doubles its input.", "summary: Doubles &lt;x&gt;.", "'summary' holds &lt;"),
    (EN, "year: 2020", "year: 20200", "the year 20200"),
    (EN, "year: 2020", "year: 2020-13-45", "broken front matter: a value that is none"),
    (EN, "year: 2020", "? [a]\n: b", "broken front matter: a key that is no text"),
    (EN, "torch: [torch.add]", 'torch: ["<script>"]', "is not a dotted name"),
    ("docs/tags.yaml", "- {id: numbers, en: numbers, zh: 数}", "- {id: numbers, en: [", "broken YAML"),
    ("docs/tags.yaml", "- {id: numbers, en: numbers, zh: 数}", "- {id: numbers, en: numbers}", "lacks zh"),
    ("tests/snippets/demo/test_double.py", "import torch", "import\x00torch", "the invisible character U+0000"),
    ("snippets/demo/double/use.py", "Twice ``x``", "<script>alert(1)</script>", "a docstring holds HTML"),
    ("snippets/demo/double/use.py", "Twice ``x``", "[Twice](javascript:x)", "a docstring holds a link"),
    ("tests/snippets/demo/test_double.py", "def test_linear():", "def test_linear(:", "not valid Python"),
    (USE, "import torch", "import snippets.demo.double.evidence", "a snippet imports 'snippets.demo.double.evidence'"),
    (EVIDENCE, "from snippets.demo.double.use", "from snippets.demo.other.use", "imports 'snippets.demo.other.use'"),
    (EVIDENCE, "from snippets.demo.double.use", "from scripts.problems", "imports 'scripts.problems' from this"),
]


@pytest.mark.parametrize(("file", "old", "new", "words"), MISTAKES)
def test_mistake_is_named_with_file_and_line(guide, file, old, new, words):
    line = edit(guide, file, old, new)
    problems = [problem for problem in found(guide) if words in problem.message]
    assert problems, found(guide)
    assert problems[0].path == file
    entry_line = 1 if words.startswith("lacks") else line
    allowed = {entry_line, line + 1} if "twice" in words or "does not belong" in words else {entry_line}
    if "broken" in words or "BibTeX" in words:
        allowed = {line, line + 1}  # the reader of the format stops where it can go on no longer
    if "is missing" in words and "section" in words:  # where the body begins
        text = (guide / file).read_text(encoding="utf-8")
        allowed = {text.count("\n", 0, text.index("\n---\n") + 5) + 1}
    if file.startswith("docs/search/"):  # the line at which the record begins
        lines = (guide / file).read_text(encoding="utf-8").splitlines()[:line]
        allowed = {max(number for number, text in enumerate(lines, 1) if not text.startswith(" "))}
    assert problems[0].line in allowed
    assert problems[0].remedy


# (what is written before a sentence of the page, words of the message, how many lines below its first it is named)
MARKDOWN = [
    ("```\nx", "a fence that never ends", 0),
    ("```\nx\n````", "a fence that never ends", 0),
    ("  ```\n  x\n ```", "a fence that holds a line indented less", 0),
    ("```what is it\nx\n```", "a fence whose first line is not understood", 0),
    ("```\nx\n```\nand", "a fence without a blank line", 0),
    ('```python title="`"\nx\n```', "three backticks or tildes that are no fence", 0),
    ("> ```\n> x\n> ```", "a quotation", 0),
    ("- ```\n  x\n  ```", "a block that begins in the line of its list's sign", 0),
    ("    x = 1", "an indent of 4", 0),
    ("- a\n\n  b", "an indent of 2", 2),
    ("- a\n  - b", "an indent of 2", 1),
    ('=== "tab"\n\n    x', "content tabs", 0),
    (":tada: It", "an emoji's name", 0),
    ("- [ ] todo", "a task list", 0),
    ("[a](Claim:x)", "a link, mark or image that is not understood", 0),
    ("[a](javascript:alert)", "a link, mark or image that is not understood", 0),
    ("![a](b.png)", "a link, mark or image that is not understood", 0),
    ("[a][b]", "a reference that is not understood", 0),
    ("[a]: https://a.example", "a definition of a link", 0),
    ("It[^1]", "a reference that is not understood", 0),
    ("[a\n\nb](claim:linear)", "a claim that goes on where its paragraph has ended", 0),
    ("[a\n- b](claim:linear)", "a claim that goes on where its paragraph has ended", 0),
    ("$a\n\nb$", "a formula that goes on where its paragraph has ended", 0),
    ("# Another", "a second heading of the first level", 0),
    ("## Code", "two headings have the anchor #code", 12),
    ("#Another", "a line that begins with '#'", 0),
    ("text\n# Another", "a heading or admonition without a blank line", 1),
    ("text\n- a", "a list's sign within a paragraph", 1),
    ("1. a\n3. b", "the number 3. where readers see 2.", 1),
    ("2015. It", "a number and a dot", 0),
    ("- a\n\n1. b", "a list of another kind", 2),
    ("text\n---", "a line of signs", 1),
    ("a | b", "a '|' outside of a table", 0),
    ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", "a row of 3 cells in a table of 2", 2),
    ("*a", "an asterisk that makes no emphasis", 0),
    ("`a", "a backtick without its partner", 0),
    ("`a\nb`", "code that goes on in the next line", 0),
    ("__init__", "an underscore at the edge of a word", 0),
    ("<script>alert(1)</script>", "HTML that pages do not hold", 0),
    ('<a href="javascript:x">a</a>', "HTML that pages do not hold", 0),
    ("<details markdown>\n\na", "<details> that never ends", 0),
    ("&lt;b", "a character written as HTML", 0),
    ("a\tb", "a tab", 0),
    ("a  \nb", "a space at the end of a line", 0),
    ("::: scripts", "':::', which nothing here understands", 0),
    ("[TOC]", "'[TOC]'", 0),
    ("!!! Note: x", "an admonition that is not understood", 0),
    ('!!! n--ote "Title"\n\n    Its text.', "an admonition that is not understood", 0),
    ('??? notes "Title"\n\n    Its text.', "an admonition that is not understood", 0),
    ("~~a~~", "a sign that nothing here understands", 0),
    (r"\alpha", "a backslash that escapes nothing", 0),
    ("{a}", "a brace outside of code", 0),
]


@pytest.mark.parametrize(("written", "words", "below"), MARKDOWN, ids=[m[0] for m in MARKDOWN])
def test_markdown_that_would_be_shown_otherwise_is_named(guide, written, words, below):
    line = edit(guide, EN, "**In short.** Computes", f"{written}\n\nComputes")
    problems = [problem for problem in found(guide) if words in problem.message]
    assert problems, found(guide)
    assert (problems[0].path, problems[0].line) == (EN, line + below)
    assert problems[0].remedy


def test_heading_is_the_title(guide):
    line = edit(guide, EN, "# Double\n", "# Twice\n")
    assert (only(guide).path, only(guide).line) == (EN, line)
    assert "called 'Double' in its front matter, 'Twice' here" in only(guide).message


def test_heading_may_escape_what_the_title_holds(guide):
    edit(guide, EN, "title: Double", "title: Double *b* & c")
    edit(guide, EN, "# Double\n", "# Double \\*b\\* & c\n")
    assert found(guide) == []


# (the record's fields, what the reader of a page gets)
RECORDS = [
    ({"title": r"Na{\"{\i}}ve"}, "title", "Naïve"),
    ({"title": r"Na\'{\i}ve"}, "title", "Naíve"),
    ({"title": r"A \& B at 5\% for \$1"}, "title", "A & B at 5% for $1"),
    ({"title": "[x](y) *z*"}, "title", "[x](y) *z*"),
    ({"author": r"{Smith \& Sons} and Doe, J{\"u}rgen"}, "names", ("Smith & Sons", "Jürgen Doe")),
    ({"author": "King, Jr., Martin"}, "names", ("Martin King Jr.",)),
    ({"doi": r"10.1007/978-3\_12"}, "url", "https://doi.org/10.1007/978-3_12"),
    ({"doi": "10.1002/(SICI)1<1::A>3.0.CO;2-U"}, "url", "https://doi.org/10.1002/(SICI)1%3C1::A%3E3.0.CO;2-U"),
    ({"doi": "https://doi.org/10.1007/a%5Fb"}, "url", "https://doi.org/10.1007/a_b"),
    ({"url": r"https://a.example/b\_c\%20d"}, "url", "https://a.example/b_c%20d"),
    ({"url": r"https://a.example/\~{}me"}, "url", "https://a.example/~me"),
    ({"eprint": "math.GT/0309136"}, "url", "https://arxiv.org/abs/math.GT/0309136"),
    ({"eprint": "arXiv:2001.00001v2"}, "url", "https://arxiv.org/abs/2001.00001v2"),
    ({"eprint": "hal-1", "archiveprefix": "HAL", "doi": "10.1007/a"}, "url", "https://doi.org/10.1007/a"),
]


@pytest.mark.parametrize(("fields", "attribute", "shown"), RECORDS)
def test_record_reaches_the_page_as_it_is_meant(fields, attribute, shown):
    address = {} if {"doi", "url", "eprint"} & set(fields) else {"url": "https://a.example/"}
    given = {"title": "T", "author": "Doe, Jane", "year": "2020", **address, **fields}
    text = "@article{key,\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in given.items()) + "}\n"
    assert getattr(papers.read(text, "papers.bib")["key"], attribute) == shown


def test_paper_takes_its_year_from_the_volume_that_it_stands_in():
    text = (
        "@inproceedings{a, crossref = {V}, title = {T}, author = {Doe, Jane}, doi = {10.1007/a}}\n"
        "@proceedings{v, title = {Volume}, year = {2001}, url = {https://a.example/volume}}\n"
    )
    (paper,) = papers.read(text, "papers.bib").values()
    assert (paper.year, paper.title, paper.url) == (2001, "T", "https://doi.org/10.1007/a")


@pytest.mark.parametrize("file", [EN, "docs/papers.bib", "docs/tags.yaml", "tests/snippets/demo/test_double.py"])
def test_file_that_is_no_text_or_not_there(guide, file):
    """In Latin-1, as a link, as a link that leads nowhere: one line each, no traceback."""
    path = guide / file
    text = path.read_text(encoding="utf-8")
    path.write_bytes("\n\n# é".encode("latin-1"))
    assert (only(guide).path, only(guide).line, only(guide).message) == (file, 3, "the file is not UTF-8 text")
    elsewhere = guide / "elsewhere"
    elsewhere.write_text(text, encoding="utf-8")
    for target in (elsewhere, guide / "nowhere"):
        path.unlink()
        path.symlink_to(target)
        assert (only(guide).path, only(guide).message) == (file, "this is a link to another file")


@pytest.mark.parametrize(
    "file", [EN, ZH, "docs/papers.bib", "docs/tags.yaml", "docs/sections.yaml", "docs/search/demo.en.yaml"]
)
def test_byte_order_mark_and_line_ends_of_other_systems_do_not_matter(guide, file):
    text = (guide / file).read_text(encoding="utf-8").replace("\n", "\r\n")
    (guide / file).write_bytes("\ufeff".encode() + text.encode())
    assert found(guide) == []


def test_mistyped_name_gets_the_right_one_suggested(guide):
    edit(guide, EN, "claim:linear", "claim:linaer")
    hints = {problem.remedy for problem in found(guide) if "linaer" in problem.message}
    assert "Did you mean 'test_linear'?" in hints


@pytest.mark.parametrize("lost", [EN, ZH])
def test_page_in_one_language_only(guide, lost):
    (guide / lost).unlink()
    problem = only(guide)
    assert problem.path == (ZH if lost == EN else EN)
    assert "one language only" in problem.message
    assert lost in problem.remedy


def test_two_entries_cannot_have_had_one_address(guide):
    edit(guide, "docs/sections.yaml", "entries: [double]", "entries: [double, triple]")
    for lang in ("en", "zh"):
        text = (guide / f"docs/{lang}/demo/double.md").read_text(encoding="utf-8")
        text = text.replace("double.md", "triple.md").replace('--8<-- "use.py"', "").replace('--8<-- "evidence.py"', "")
        write(guide, f"docs/{lang}/demo/triple.md", text)
    messages = [problem.message for problem in found(guide) if "formerly" in problem.message]
    assert messages.count("formerly: two entries claim 'demo/twice'") == 2


def test_snippet_on_no_page(guide):
    write(guide, "snippets/demo/double/from_scratch.py", SNIPPET)
    assert (only(guide).path, only(guide).line) == ("snippets/demo/double/from_scratch.py", 1)
    assert "stands on no page" in only(guide).message


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("snippets/demo/lonely.py", "lies in no entry's room"),
        ("snippets/demo/double/helper.py", "lies in no entry's room"),
        ("snippets/demo/triple/use.py", "there is no page docs/en/demo/triple.md for this room"),
    ],
)
def test_snippet_outside_of_a_room(guide, path, words):
    write(guide, path, SNIPPET)
    assert (only(guide).path, only(guide).line) == (path, 1)
    assert words in only(guide).message


def test_entry_that_no_family_lists(guide):
    edit(guide, "docs/sections.yaml", "entries: [double]", "entries: []")
    assert (only(guide).path, only(guide).message) == (EN, "no family of 'demo' lists this entry")


def test_snippet_on_two_pages(guide):
    for file in (EN, ZH):
        edit(guide, file, '--8<-- "use.py"', '--8<-- "use.py"\n\n--8<-- "use.py"')
    assert "several pages" in only(guide).message


TASK = "- id: sums\n  en: Sums\n  zh: 求和\n  see: {double: [use-it-when, pitfall-doubling-is-linear]}\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("double:", "duoble:", 1, "the task 'sums': 'duoble' is no entry"),
        ("use-it-when", "use-it-wen", 1, "the task 'sums': the page of 'double' has no #use-it-wen"),
        ("use-it-when", "related", 1, "the task 'sums': the page of 'double' has no #related"),
        ("[use-it-when, pitfall-doubling-is-linear]", "[]", 1, "the task 'sums': 'double' has no causes"),
        ("{double: [use-it-when, pitfall-doubling-is-linear]}", "[double]", 4, "see does not say which causes"),
        ("[use-it-when, pitfall-doubling-is-linear]", "use-it-when", 4, "see does not say which causes"),
        ("zh: 求和", "sh: 求和", 1, "it has other keys"),
        ("Sums", "3", 2, "en is no text"),
        (TASK, TASK + TASK, 5, "two records have the id 'sums'"),
    ],
)
def test_task_that_leads_nowhere(guide, old, new, line, words):
    write(guide, "docs/tasks.yaml", TASK)
    assert found(guide) == []
    edit(guide, "docs/tasks.yaml", old, new)
    problem = only(guide)
    assert (problem.path, problem.line) == ("docs/tasks.yaml", line)
    assert words in problem.message


def test_paper_that_no_page_uses(guide):
    bib = (guide / "docs/papers.bib").read_text()
    write(guide, "docs/papers.bib", bib + bib.replace("doe2020paper", "unused"))
    problem = only(guide)
    assert problem.path == "docs/papers.bib"
    assert problem.line == bib.count("\n") + 1
    assert "no page uses the paper 'unused'" in problem.message


def test_paper_given_twice(guide):
    bib = (guide / "docs/papers.bib").read_text()
    write(guide, "docs/papers.bib", bib * 2)
    assert only(guide).line == bib.count("\n") + 1


def test_missing_facts(guide):
    for file in (EN, ZH):
        edit(guide, file, '--8<-- "facts"\n', "")
    assert {problem.message for problem in found(guide)} == {"the page does not show its fact line"}


def test_no_front_matter(guide):
    write(guide, EN, "# Double\n")
    assert only(guide).line == 1
    assert "no front matter" in only(guide).message


def test_not_utf8(guide):
    (guide / ZH).write_bytes((guide / ZH).read_text(encoding="utf-8").encode("gb18030"))
    assert "not UTF-8" in only(guide).message
    assert only(guide).line == 2  # the first Chinese character stands in the title


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## 代码 {#code}", "## 代码 {#kode}"),
        ("## 代码 {#code}", "### 代码 {#code}"),
        ("[@doe2020paper]", ""),
        ("[加倍是线性的](claim:linear)", "加倍是线性的"),
        ('![一条直线](figure:double.svg "直线。")', ""),
        ("计算 $2x$", "计算 $$2x$$"),
        ("见[本章](index.md)", "见本章"),
        ("见[本章](index.md)", "见[本章](index.md#demo)"),
    ],
)
def test_editions_out_of_step(guide, old, new):
    line = edit(guide, ZH, old, new)
    problems = [problem for problem in found(guide) if "is not, or elsewhere" in problem.message]
    assert problems
    assert {problem.path for problem in problems} <= {EN, ZH}
    assert any(problem.path == EN or problem.line == line for problem in problems)


def test_link_to_a_pitfall(guide):
    for file in (EN, ZH):  # its anchor comes from the English words in both editions
        edit(guide, file, "(index.md)", "(double.md#pitfall-doubling-is-linear)")
    assert found(guide) == []


def test_pitfalls_out_of_step(guide):
    line = edit(guide, ZH, "- [加倍", "- **另一个。** 多余。\n- [加倍")
    problem = only(guide)
    assert (problem.path, problem.line) == (ZH, line + 1)
    assert "2 pitfalls here, 1 in docs/en/demo/double.md" in problem.message


def test_two_pitfalls_of_one_name(guide):
    for file, item in ((EN, "- [Doubling is linear]"), (ZH, "- [加倍")):
        line = edit(guide, file, item, f"- **Doubling, is `linear`!** So.\n{item}")
        if file == EN:
            expected = {line, line + 1}
    twice = [problem for problem in found(guide) if "would be #pitfall-doubling-is-linear" in problem.message]
    assert {(problem.path, problem.line) for problem in twice} == {(EN, line) for line in expected}


def test_unknown_section(guide):
    for lang in ("en", "zh"):
        text = (guide / f"docs/{lang}/demo/index.md").read_text(encoding="utf-8")
        write(guide, f"docs/{lang}/other/index.md", text)
    assert {problem.message for problem in found(guide)} == {"'other' is no section of the guide"}


def test_catalog_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, scripts.sources.checks as i; list(i.inspect(i.load())); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
