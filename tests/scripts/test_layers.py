"""docs/layers.yaml: what is wrong with a record is said with its line, what is right stands on pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.generate import layers as tables
from scripts.problems import BuildError, Problem
from scripts.sources import checks, layers
from scripts.sources.catalog import load
from tests.scripts import small_guide

LAYER = """- id: mobilenet-double
  model: MobileNetV3
  data: ImageNet-1k
  layer: {id: double, class: torch.nn.BatchNorm2d, eps: 0.001, momentum: null, affine: false}
  where: every convolution
  oracle: torchvision.models.mobilenet_v3_large
  note: {en: "TensorFlow's momentum is <1.", zh: 注。}
  source: {repository: a/b, commit: 0123abc, files: [mobilenet.py]}
"""
MISTAKES = [
    ("eps: 0.001", "eps: 1e-3x", None),  # a text: some settings are texts
    ("eps: 0.001", "eps: -1", "'layer' is not of the form"),
    ("eps: 0.001", "eps: [1]", "'layer' is not of the form"),
    ("id: double, ", "", "'layer' is not of the form"),
    ("oracle: torchvision.models.mobilenet_v3_large", "oracle: mobilenet", "'oracle' is not of the form"),
    ('en: "TensorFlow\'s momentum is <1.", ', "", "'note' is not of the form"),
    ("where: every", "were: every", "'were' does not belong here"),
    ("  model: MobileNetV3\n", "", "'model' is missing"),
    ("commit: 0123abc", "commit: main", "the source is not of the form"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_guide.plant(tmp_path)
    (tmp_path / "docs/layers.yaml").write_text("# Layers\n" + LAYER, encoding="utf-8")
    return tmp_path


def found(root: Path) -> list[Problem]:
    try:
        layers.load(root)
    except BuildError as error:
        return error.problems
    return []


def test_a_whole_record_is_read(root: Path):
    (layer,) = layers.load(root)
    assert (layer.line, layer.entry, layer.class_) == (2, "double", "torch.nn.BatchNorm2d")
    assert layer.settings == {"eps": 0.001, "momentum": None, "affine": False}
    assert layer.words == ["every convolution"]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_mistake_is_named_with_its_line(root: Path, old: str, new: str, words: str | None):
    file = root / "docs/layers.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    problems = [p for p in found(root) if words is None or words in p.message]
    if words is None:
        assert not problems
        return
    line = 2 if "missing" in words else text.count("\n", 0, text.index(old)) + 1
    assert [(p.path, p.line) for p in problems] == [("docs/layers.yaml", line)]
    assert problems[0].remedy


def test_an_id_is_given_once(root: Path):
    (root / "docs/layers.yaml").write_text(LAYER * 2, encoding="utf-8")
    assert [p.message for p in found(root)] == ["two records have the id 'mobilenet-double'"]


def test_names_of_other_files_are_checked(root: Path):
    text = LAYER.replace("id: double", "id: duoble")
    text = text.replace(
        "{repository: a/b, commit: 0123abc, files: [mobilenet.py]}", "{paper: doe2021paper, place: table 1}"
    )
    (root / "docs/layers.yaml").write_text(text, encoding="utf-8")
    page = root / "docs/en/demo/double.md"
    mark = '--8<-- "layers: mobilenet-doulbe, mobilenet-double, mobilenet-double"\n\n## Code\n'
    page.write_text(page.read_text(encoding="utf-8").replace("## Code\n", mark), encoding="utf-8")
    problems = {p.message: p for p in checks.inspect(load(root))}
    assert problems["layer 'mobilenet-double': 'duoble' is no entry"].remedy == "Did you mean 'double'?"
    assert problems["layer 'mobilenet-double': unknown paper 'doe2021paper'"].remedy == "Did you mean 'doe2020paper'?"
    assert "layer 'mobilenet-double': 'every convolution' has no Chinese twin" in problems
    assert problems["there is no layer 'mobilenet-doulbe'"].remedy == "Did you mean 'mobilenet-double'?"
    assert "the layer 'mobilenet-double' is shown twice" in problems


def test_a_row_shows_everything(root: Path):
    (root / "docs/zh/labels.yaml").write_text("every convolution: 所有卷积层\n", encoding="utf-8")
    catalog = load(root)
    for lang, words in (("en", "ImageNet-1k, every convolution"), ("zh", "所有卷积层")):
        row = tables.rows(catalog, catalog.by_id["double"], ["mobilenet-double"], lang)
        assert words in row
        assert "BatchNorm2d(…, eps=0.001, momentum=None, affine=False)" in row
        assert "https://github.com/a/b/blob/0123abc/mobilenet.py" in row
    assert "TensorFlow&#x27;s momentum is &lt;1." in tables.rows(
        catalog, catalog.by_id["double"], ["mobilenet-double"], "en"
    )
    assert 'href="demo/double.html"' in tables.every(catalog, "en")
