"""docs/recipes.yaml: what is wrong with a record is said with its line, what is right is published by its schema."""

from __future__ import annotations

import json
import shutil
from html import unescape
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scripts.generate import downloads, recipe_text, recipes
from scripts.generate.phrases import word
from scripts.generate.plain import plain
from scripts.problems import ROOT, BuildError, Problem
from scripts.sources import checks, recipe_form
from scripts.sources import recipes as source
from scripts.sources.catalog import load
from tests.scripts import small_guide

RECIPE = """- id: vit
  task: image classification
  model: ViT
  data: ImageNet
  optimizer: {id: adamw, lr: 0.004, betas: [0.9, 0.95], weight_decay: 0.05}
  scaling: {rule: linear, lr: 0.001, per: 256}
  warmup: {length: 5 epochs, start: 0.01}
  schedule: {id: cosine-annealing-lr, final_lr: 1.0e-6}
  length: 300 epochs
  batch: 1024 images
  clip: 1
  no_decay: [norms]
  note: {en: "A note.", zh: 注。}
  source: {repository: a/b, commit: 0123abc, files: [train.py]}
"""
MISTAKES = [
    ("lr: 0.004", "lr: 4e-3", "'lr' cannot be '4e-3'"),
    ("lr: 0.004", "lr: -1", "'lr' cannot be -1"),
    ("lr: 0.004", "lr: .nan", "'lr' cannot be nan"),
    ("lr: 0.004", "lr: 0.002", "the rule gives 0.004, the optimizer has 0.002"),
    ("weight_decay", "wd", "unknown setting 'wd'"),
    ("[0.9, 0.95]", "[0.9, 1.95]", "'betas' cannot be [0.9, 1.95]"),
    ("[0.9, 0.95]", "0.9", "'betas' cannot be 0.9"),
    ("betas: [0.9, 0.95]", "adjust_lr_fn: rms", "'adjust_lr_fn' cannot be 'rms'"),
    ("betas: [0.9, 0.95]", "ns_coefficients: [2, -1.5]", "'ns_coefficients' cannot be [2, -1.5]"),
    ("rule: linear", "rule: cubic", "'scaling' is not of the form"),
    ("start: 0.01", "start: 2", "'warmup' is not of the form"),
    ("length: 5 epochs", "length: five", "'warmup' is not of the form"),
    ("id: cosine-annealing-lr", "id: cosine", "unknown schedule 'cosine'"),
    ("final_lr: 1.0e-6", "gamma: 0.1", "has not the settings that it takes"),
    ("  length: 300 epochs\n", "", "needs the length of the run"),
    ("length: 300 epochs", "length: long", "'length' is not of the form"),
    ("batch: 1024 images", "batch: 1024", "'batch' is not of the form"),
    ("clip: 1", "clip: yes", "'clip' is not of the form"),
    ("no_decay: [norms]", "no_decay: norms", "'no_decay' is not of the form"),
    ('en: "A note.", ', "", "'note' is not of the form"),
    ("commit: 0123abc", "commit: main", "the source is not of the form"),
    ("files: [train.py]", "files: []", "the source is not of the form"),
    ("  model: ViT\n", "", "'model' is missing"),
    ("clip: 1", "klip: 1", "'klip' does not belong here"),
]


def found(root: Path) -> list[Problem]:
    try:
        source.load(root)
    except BuildError as error:
        return error.problems
    return []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    path = tmp_path / "docs/recipes.yaml"
    path.write_text("# Recipes\n" + RECIPE, encoding="utf-8")
    return path


def test_a_whole_record_is_read(file: Path):
    (recipe,) = source.load(file.parent.parent)
    assert recipe.line == 2
    assert recipe.optimizer.settings == {"lr": 0.004, "betas": (0.9, 0.95), "weight_decay": 0.05}
    assert recipe.scaling == source.Scaling("linear", 0.001, 256)
    assert recipe.source.links == [("train.py", "https://github.com/a/b/blob/0123abc/train.py")]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_mistake_is_named_with_its_line(file: Path, old: str, new: str, words: str):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    line = text.count("\n", 0, text.index(old)) + 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    problems = [problem for problem in found(file.parent.parent) if words in problem.message]
    assert problems, found(file.parent.parent)
    key = {"needs the length": 9, "is missing": 2, "the rule gives": 7}
    assert problems[0].line == next((at for start, at in key.items() if start in words), line)
    assert problems[0].path == "docs/recipes.yaml"
    assert problems[0].remedy


def test_an_id_is_given_once(file: Path):
    file.write_text(RECIPE * 2, encoding="utf-8")
    (problem,) = found(file.parent.parent)
    assert problem.message == "two records have the id 'vit'"
    assert problem.line == RECIPE.count("\n") + 1


def test_names_of_other_files_are_checked(tmp_path: Path):
    root = tmp_path
    small_guide.plant(root)
    text = RECIPE.replace(
        "{repository: a/b, commit: 0123abc, files: [train.py]}", "{paper: doe2021paper, place: table 1}"
    )
    (root / "docs/recipes.yaml").write_text(text, encoding="utf-8")
    page = root / "docs/en/demo/double.md"
    shown = page.read_text(encoding="utf-8").replace("## Code\n", '--8<-- "settings: vit, vti, vit"\n\n## Code\n')
    page.write_text(shown, encoding="utf-8")
    problems = {problem.message: problem for problem in checks.inspect(load(root))}
    assert problems["recipe 'vit': unknown paper 'doe2021paper'"].remedy == "Did you mean 'doe2020paper'?"
    assert "recipe 'vit': 'adamw' is no entry of optimizers" in problems
    assert "recipe 'vit': 'norms' has no Chinese twin" in problems
    assert problems["there is no recipe 'vti'"].remedy == "Did you mean 'vit'?"
    line = shown.count("\n", 0, shown.index("settings: vit")) + 1
    assert problems["there is no recipe 'vti'"].line == line
    assert "the recipe 'vit' is shown twice" in problems


@pytest.mark.parametrize(("anchor", "dead"), [("vit", False), ("vti", True)])
def test_link_to_a_recipe(tmp_path: Path, anchor: str, dead: bool):
    small_guide.plant(tmp_path)
    (tmp_path / "docs/recipes.yaml").write_text(RECIPE, encoding="utf-8")
    for lang in ("en", "zh"):
        shutil.copy(ROOT / f"docs/{lang}/recipes.md", tmp_path / f"docs/{lang}/recipes.md")
        page = tmp_path / f"docs/{lang}/demo/double.md"
        text = page.read_text(encoding="utf-8").replace("(index.md)", f"(../recipes.md#{anchor})")
        page.write_text(text, encoding="utf-8")
    problems = [problem for problem in checks.inspect(load(tmp_path)) if "../recipes.md" in problem.message]
    assert [problem.remedy for problem in problems] == ["Did you mean 'vit'?"] * (2 * dead)


def test_published_recipes_keep_to_their_schema():
    schema = json.loads((ROOT / "scripts/generate/recipes.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator, catalog = Draft202012Validator(schema), load()
    published = json.loads(downloads.recipes_json(catalog))
    validator.validate(published)
    assert [each["id"] for each in published] == [recipe.id for recipe in catalog.recipes]
    assert not validator.is_valid([{**published[0], "source": {}}])
    assert set(recipe_form.MORE) <= set(schema["items"]["properties"])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_page_of_all_holds_every_recipe_once_with_its_source(lang: str):
    catalog = load()
    made = recipes.every(catalog, lang)
    page = unescape(made)
    for recipe in catalog.recipes:
        assert page.count(f' id="{recipe.id}"') == 1
        for _, address in recipe.source.links:
            assert f'href="{address}"' in page
    assert plain(made).count("\n| **") >= len(catalog.recipes)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_legend_explains_each_word_of_the_rows_and_no_other(lang: str):
    catalog = load()
    entry = catalog.by_id["adamw"]
    for recipe in catalog.recipes:
        made = recipes.rows(catalog, entry, [recipe.id], lang)
        _, _, legend = made.partition('<p class="recipe-legend">')
        for name, other in recipes.EXPLAINED.items():
            said = bool(recipe.no_decay) if name == "exempt" else name in recipe.more
            assert (f"{other}.html" in legend) == said, (recipe.id, name)
        assert ("<code>max_norm</code>" in legend) == ("clip" in recipe.more), recipe.id
        assert (word("legend_batch", lang) in legend) == bool(recipe.batch and recipe.batch.unit != "full"), recipe.id
        start = recipe.warmup.start if recipe.warmup else None
        assert ("<code>start_factor</code>" in legend) == bool(start), recipe.id
        assert not start or recipe_text.number(start) in legend, recipe.id
        agent = recipe.task == "reinforcement learning"
        assert ("<code>optimizer.step()</code>" in legend) == ("steps" in recipe.words and not agent), recipe.id
        assert (word("legend_environment", lang) in legend) == ("steps" in recipe.words and agent), recipe.id
        assert "recipes.html#how-to-read-a-row" in legend


@pytest.mark.parametrize(("here", "id_"), [("one-cycle-lr", "fastai-one-cycle"), ("adam", "fastai-one-cycle")])
def test_row_has_no_link_to_its_own_page(here: str, id_: str):
    catalog = load()
    made = recipes.rows(catalog, catalog.by_id[here], [id_], "en")
    assert f"{here}.html" not in made
    assert f"{({'one-cycle-lr', 'adam'} - {here}).pop()}.html" in made


def test_legend_has_no_link_to_its_own_page():
    catalog = load()
    clipped = next(recipe for recipe in catalog.recipes if "clip" in recipe.more)
    legend = recipes.legend(catalog, catalog.by_id["gradient-clipping"], [clipped], "en")
    assert "clip (<code>max_norm</code>" in legend
    assert "gradient-clipping.html" not in legend


@pytest.mark.parametrize(
    ("value", "code", "words"), [(0.0003, "3e-4", "0.0003"), (0.01, "0.01", "0.01"), (60000, "60000", "60,000")]
)
def test_numbers_are_written_as_one_writes_them(value: float, code: str, words: str):
    assert (recipe_text.number(value), recipe_text.count(value, "en")) == (code, words)


@pytest.mark.parametrize(
    ("value", "words"), [(3e11, "300B"), (1.2e6, "1.2M"), (286720000, "286,720,000"), (5e5, "500,000")]
)
def test_large_numbers_lose_no_digit(value: float, words: str):
    assert recipe_text.count(value, "en") == words
