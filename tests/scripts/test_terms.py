"""The Chinese edition has one word for one thing, and a word in its place is named with its file and line."""

from __future__ import annotations

import pytest

from scripts.problems import ROOT
from scripts.sources import checks, terms
from scripts.sources.catalog import load
from tests.scripts.small_guide import edit, write

PAGE = "docs/zh/demo/double.md"
TERMS = """- {en: doubling, zh: 加倍, not: [翻番, 两倍化], but: [价格翻番]}
- {en: input, zh: 输入, not: [entry], gloss: input}
"""


@pytest.fixture
def worded(guide):
    """A small guide whose words are chosen."""
    write(guide, terms.FILE, TERMS)
    edit(guide, PAGE, "summary: 把输入加倍。", "summary: 加倍。")
    edit(guide, PAGE, "计算 $2x$", "输入（input）为 $x$ 时计算 $2x$")
    return guide


def found(guide):
    """Every problem of words: path, line and message."""
    return [(problem.path, problem.line, problem.message) for problem in checks.check_terms(load(guide))]


def test_chosen_words_and_other_meanings_are_no_problem(worded):
    edit(worded, PAGE, "aliases: [乘二]", "aliases: [翻番,\n  entry]")
    edit(worded, PAGE, "- 数太小；", "- 数太小，或者价格翻番，`翻番` 与 `entry`，见[本章](index.md)；")
    assert found(worded) == []


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("summary: 加倍。", "summary: 翻番。", "'翻番' for doubling"),
        ("situation: 数", "situation: 两倍化", "'两倍化' for doubling"),
        ("- 数太小；", "- 数要两倍化；", "'两倍化' for doubling"),
        ("- [加倍是线性的]", "- [entry 是线性的]", "'entry' for input"),
        ('"直线。"', '"翻番的直线。"', "'翻番' for doubling"),
    ],
)
def test_another_word_is_named_with_its_line(worded, old, new, word):
    line = edit(worded, PAGE, old, new)
    assert found(worded) == [(PAGE, line, word)]


def test_data_files_are_read_by_their_chinese_alone(worded):
    write(worded, "docs/zh/labels.yaml", "entry: 输入\ntwo entries: 两个输入\ntwice: 翻番\n")
    assert found(worded) == [("docs/zh/labels.yaml", 3, "'翻番' for doubling")]


def test_a_word_to_explain_is_explained_where_it_comes_first(worded):
    line = edit(worded, PAGE, "- 数太小；", "- 数太小；输入也小；")
    assert found(worded) == []
    line = edit(worded, PAGE, "输入（input）为", "输入为")
    assert found(worded) == [(PAGE, line, "'输入' without its English where the page says it first")]


def test_a_term_that_nothing_says_is_named(worded):
    write(worded, terms.FILE, TERMS + "- {en: halving, zh: 减半, not: []}\n")
    assert found(worded) == [(terms.FILE, 3, "nothing says '减半' (halving)")]


def test_no_word_is_both_chosen_and_refused():
    listed = terms.load(ROOT)
    chosen = [term.zh for term in listed]
    assert len(chosen) == len(set(chosen)) > 50
    refused = [word for term in listed for word in term.wrong]
    assert len(refused) == len(set(refused))
    assert not {word for word in chosen for other in refused if other in word}


def test_every_data_file_is_read(worded):
    """A word in another's place is found in any docs/*.yaml and in the labels, not in what readers type."""
    names = ["docs/labels-of-tomorrow.yaml", "docs/tags.yaml", "docs/zh/labels.yaml"]
    for name in (*names, "docs/search/demo.zh.yaml"):
        path = worded / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}# 翻番\n", encoding="utf-8")
    assert sorted(path for path, _, _ in found(worded)) == names
