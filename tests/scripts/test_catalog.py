"""Each mistake in the sources is named with its file and line, and none goes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import catalog as catalogs
from scripts import inspect_catalog
from scripts.problems import ROOT, BuildError, Problem
from tests.scripts.small_guide import SNIPPET, edit, write

EN, ZH = "docs/en/demo/double.md", "docs/zh/demo/double.md"


def found(root: Path) -> list[Problem]:
    """Every problem of the tree."""
    try:
        return sorted(set(inspect_catalog.inspect(catalogs.load(root))))
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
    (EN, '"code/double.md"', '"code/duoble.md"', "missing snippet snippets/demo/duoble.py"),
    (EN, '"code/double.md"', '"cod/double.md"', "nothing is generated as 'cod/double.md'"),
    (EN, "(index.md)", "(indx.md)", "dead link to indx.md"),
    (EN, "(index.md)", "(index.md#nowhere)", "has no heading #nowhere"),
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
    (EN, "order: 10", "order: 10\norder: 20", "'order' is given twice"),
    (EN, "summary: Doubles its input.", "summary:", "'summary' must be a text"),
    (EN, "$2x$", r"$2\frac{x$", "not readable as a formula"),
    (EN, "[@doe2020paper]", "[@doe2020paper", "a mark that is not understood"),
    (EN, "(claim:linear)", "(claim:linear ", "a mark that is not understood"),
    (EN, '"code/double.md"', "code/double.md", "a mark that is not understood"),
    (ZH, "aliases: [乘二]", "aliases: [乘二]\nyear: 2020", "'year' does not belong here"),
    ("docs/papers.bib", "year = {2020}", "yaer = {2020}", "lacks year"),
    ("docs/papers.bib", "eprint = {2001.00001}", "eprint = {2001.1}", "is no arXiv id"),
    ("docs/papers.bib", "eprint = {2001.00001}", "note = {x}", "lacks one of eprint, doi, url"),
    ("docs/papers.bib", "title = {A Paper},", "title = A Paper},", "not readable as BibTeX"),
    ("tests/snippets/demo/test_double.py", "def test_linear():", "def test_linear(:", "not valid Python"),
]


@pytest.mark.parametrize(("file", "old", "new", "words"), MISTAKES)
def test_mistake_is_named_with_file_and_line(guide, file, old, new, words):
    line = edit(guide, file, old, new)
    problems = [problem for problem in found(guide) if words in problem.message]
    assert problems, found(guide)
    assert problems[0].path == file
    entry_line = 1 if file.endswith(".bib") and "BibTeX" not in words else line
    allowed = {entry_line, line + 1} if "twice" in words or "does not belong" in words else {entry_line}
    if "broken front matter" in words or "BibTeX" in words:
        allowed = {line, line + 1}  # the reader of the format stops where it can go on no longer
    assert problems[0].line in allowed
    assert problems[0].remedy


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
    for lang in ("en", "zh"):
        text = (guide / f"docs/{lang}/demo/double.md").read_text(encoding="utf-8")
        text = text.replace("double.md", "triple.md").replace('--8<-- "code/triple.md"', "")
        write(guide, f"docs/{lang}/demo/triple.md", text)
    messages = [problem.message for problem in found(guide) if "formerly" in problem.message]
    assert messages.count("formerly: two entries claim 'demo/twice'") == 2


def test_snippet_on_no_page(guide):
    write(guide, "snippets/demo/lonely.py", SNIPPET)
    assert (only(guide).path, only(guide).line) == ("snippets/demo/lonely.py", 1)
    assert "stands on no page" in only(guide).message


def test_snippet_on_two_pages(guide):
    for file in (EN, ZH):
        edit(guide, file, '--8<-- "code/double.md"', '--8<-- "code/double.md"\n\n--8<-- "code/double.md"')
    assert "several pages" in only(guide).message


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
        edit(guide, file, '--8<-- "facts/double.md"\n', "")
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
    ],
)
def test_editions_out_of_step(guide, old, new):
    line = edit(guide, ZH, old, new)
    problems = found(guide)
    assert problems
    assert all("is not, or elsewhere" in problem.message for problem in problems)
    assert {problem.path for problem in problems} <= {EN, ZH}
    assert any(problem.path == EN or problem.line == line for problem in problems)


def test_unknown_section(guide):
    for lang in ("en", "zh"):
        text = (guide / f"docs/{lang}/demo/index.md").read_text(encoding="utf-8")
        write(guide, f"docs/{lang}/other/index.md", text)
    assert {problem.message for problem in found(guide)} == {"'other' is no section of the guide"}


def test_catalog_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, scripts.inspect_catalog as i; list(i.inspect(i.load())); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
