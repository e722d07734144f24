"""docs/accuracies.yaml and the tables that show it: mistakes are named with their line, rows name their source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import html

from scripts.generate import networks, timeline
from scripts.generate.site import Site
from scripts.problems import BuildError, Problem
from scripts.report import Report
from scripts.sources import accuracies, checks
from scripts.sources.catalog import load
from tests.scripts import small_guide

ROW = """- id: double
  network: Double-50
  top1: 76.13
  size: 256
  weights: Double50_Weights.IMAGENET1K_V1
  note: {en: "90 epochs", zh: 90 轮}
  source: {repository: a/b, commit: 0123abc, files: [double.py]}
"""
MISTAKES = [
    ("top1: 76.13", "top1: 176.13", "'top1' is not of the form"),
    ("top1: 76.13", 'top1: "76"', "'top1' is not of the form"),
    ("size: 256", "size: 0", "'size' is not of the form"),
    ("network: Double-50", "name: Double-50", "'name' does not belong here"),
    ('en: "90 epochs", ', "", "'note' is not of the form"),
    ("commit: 0123abc", "commit: main", "the source is not of the form"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_guide.plant(tmp_path)
    (tmp_path / "docs/accuracies.yaml").write_text("# Accuracies\n" + ROW, encoding="utf-8")
    return tmp_path


def found(root: Path) -> list[Problem]:
    try:
        accuracies.load(root)
    except BuildError as error:
        return error.problems
    return []


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_mistake_is_named_with_its_line(root: Path, old: str, new: str, words: str):
    file = root / "docs/accuracies.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    (problem,) = (p for p in found(root) if words in p.message)
    assert (problem.path, problem.line) == ("docs/accuracies.yaml", text.count("\n", 0, text.index(old)) + 1)


def test_entries_and_papers_are_known_and_given_once(root: Path):
    (root / "docs/accuracies.yaml").write_text(ROW * 2, encoding="utf-8")
    assert [problem.message for problem in found(root)] == ["two records have the id 'double'"]
    text = ROW.replace("id: double", "id: duoble") + ROW.replace(
        "{repository: a/b, commit: 0123abc, files: [double.py]}", "{paper: doe, place: table 1}"
    )
    (root / "docs/accuracies.yaml").write_text(text, encoding="utf-8")
    messages = [problem.message for problem in checks.inspect(load(root))]
    assert "accuracy of 'duoble': there is no such entry" in messages
    assert "accuracy of 'double': unknown paper 'doe'" in messages
    assert "accuracy of 'double': 'table 1' has no Chinese twin" in messages


def test_table_and_story(root: Path, monkeypatch: pytest.MonkeyPatch):
    """A counted network with its published accuracy; the problem that it solved stands in the story."""
    counted = {"network": "Double-50", "parameters": 25_557_032, "multiply_adds": 4.09e9, "activations": 11.1e6}
    (root / "double.json").write_text(json.dumps(counted))
    monkeypatch.setattr(networks, "SECTIONS", ("demo",))
    monkeypatch.setattr(Site, "artifacts", lambda self, entry: {"double.json": "double.json", "double.svg": "no"})
    for lang, told in (("en", "One was too little."), ("zh", "一倍太少。")):
        page = root / f"docs/{lang}/demo/double.md"
        text = page.read_text(encoding="utf-8").replace("\nsituation:", f"\nsolves: {told}\nsituation:", 1)
        page.write_text(text, encoding="utf-8")
        site = Site(load(root), Report("", "", "", 0.0, ()), {})
        row = networks.table(site, site.catalog.by_id["double"], lang)
        for number in ("25.6", "4.09", "11.1", "76.1", "blob/0123abc/double.py"):
            assert number in row
        if "solves" in text:
            assert told in networks.story(site, site.catalog.by_id["double"], lang)


def test_timeline_draws_what_is_known():
    """A dot at its accuracy, its area the multiply-adds; a hollow one without a count, none without an accuracy."""
    rows = [
        timeline.Row("Old", 1998),
        timeline.Row("Small", 2012, 60.0, 1e9),
        timeline.Row("Large", 2012, 80.0, 4e9),
        timeline.Row("Uncounted <b>", 2020, 70.0),
    ]
    figure = html.fromstring(timeline.drawing(rows, "en"))
    small, large, hollow = figure.xpath("//circle")
    assert float(large.get("r")) == pytest.approx(2 * float(small.get("r")), abs=0.1)
    assert "hollow" in hollow.get("class")
    x = [float(dot.get("cx")) for dot in (small, hollow, large)]
    assert x[1] == pytest.approx((x[0] + x[2]) / 2, abs=0.1)
    assert 0 < x[0] < x[2] < timeline.WIDTH
    texts = [text.text for text in figure.xpath("//text")]
    assert [text for text in texts if text in ("1998", "2012", "2020")] == ["1998", "2012", "2020"]
    assert "Uncounted <b>" in texts
    assert "1998 Old; 2012 Small 60.0%; 2012 Large 80.0%; 2020 Uncounted <b> 70.0%" in figure.xpath(
        "string(//@aria-label)"
    )
    assert timeline.drawing(rows[:1], "en") == ""
