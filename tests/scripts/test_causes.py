"""A symptom's page: no cause without its bug, its cure, its check, its place and its test."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.problems import BuildError, Problem
from scripts.sources import causes, checks
from scripts.sources.catalog import load
from tests.scripts.small_guide import edit, write

PAGE = "docs/en/demo/too-small.md"
ROOM = "snippets/demo/too_small"
FRONT = """kind: symptom
looks: flat
causes:
  - {id: halved, check: find_halved, unlike: zero}
  - {id: zero, check: find_zero, unlike: halved, report: "https://github.com/a/b/issues/1"}
fixes: [double]
related: []
"""
TEXTS = {"en": ("", "", "", ""), "zh": ("现象", "原因：按排查顺序", "如果都不是", "本页的全部检查")}
HEADINGS = ("What you see", "Causes, in the order in which to look", "If none of these", "All checks of this page")
CAUSE = """### {title} {{#{id}}}

--8<-- "check: {id}"

--8<-- "bug: {id}"

"""


def body(lang: str) -> str:
    """The page's body in one language."""
    see, list_, none, every = HEADINGS if lang == "en" else TEXTS["zh"]
    text = f'# Too small\n\n## {see} {{#what-you-see}}\n\n--8<-- "seen: zero"\n\n## {list_} {{#causes}}\n\n'
    text += "".join(CAUSE.format(title=name.title(), id=name) for name in ("halved", "zero"))
    return text + f'## {none} {{#if-none-of-these}}\n\n## {every} {{#all-checks}}\n\n--8<-- "check.py"\n'


@pytest.fixture
def symptom(guide: Path) -> Path:
    """The small guide with a symptom's page."""
    for lang, front in (("en", FRONT), ("zh", "")):
        head = f"---\ntitle: Too small\nsummary: It is small.\naliases: []\n{front}---\n\n"
        write(guide, f"docs/{lang}/demo/too-small.md", head + body(lang))
    for role, factor in (("broken", "0.5"), ("fixed", "2")):
        write(guide, f"{ROOM}/{role}_halved.py", f'print("step 1  loss {factor}")\n')
        write(guide, f"{ROOM}/{role}_zero.py", f'print("step 2  loss {factor}")\n')
    write(guide, f"{ROOM}/check.py", "def find_halved(x):\n    return x\n\n\ndef find_zero(x):\n    return x\n")
    write(guide, "tests/snippets/demo/test_too_small.py", "def test_cause():\n    assert True\n")
    edit(guide, "docs/sections.yaml", "[double]", "[double, too-small]")
    return guide


def found(root: Path) -> list[Problem]:
    """Every problem of the tree."""
    try:
        return sorted(set(checks.inspect(load(root))))
    except BuildError as error:
        return error.problems


def test_sound_page_has_no_problem(symptom):
    assert found(symptom) == []
    catalog = load(symptom)
    assert [one.name for one in causes.of(catalog.by_id["too-small"])] == ["too-small/halved", "too-small/zero"]
    assert [one.id for one in catalog.symptoms] == ["too-small"]
    assert [one.id for one in catalog.symptoms_of["double"]] == ["too-small"]


MISTAKES = [
    (PAGE, "id: halved,", "id: Halved!,", "is no id of a cause"),
    (PAGE, "check: find_halved", "check: find_nothing", "no check 'find_nothing'"),
    (PAGE, "unlike: zero", "unlike: other/zero", "is told apart from no other"),
    (PAGE, "unlike: zero", "unlike: halved", "is told apart from no other"),
    (PAGE, "https://github.com/a/b/issues/1", "issue 1", "is no address"),
    (PAGE, "fixes: [double]", "fixes: [duoble]", "symptom 'too-small': 'duoble' is no entry"),
    (PAGE, "fixes: [double]", "fixes: []\nplanned: [double]", "'double' is planned, and is an entry"),
    (PAGE, '--8<-- "bug: zero"', "", "not every cause shows its bug"),
    (PAGE, '--8<-- "check: zero"', '--8<-- "check: nought"', "'nought' is no cause of this page"),
    (PAGE, "### Zero {#zero}", "### Zero {#nought}", "are not those of the front matter"),
    (PAGE, "causes:\n", "causes: none\nsays:\n", "'causes' must be a list of records"),
    (PAGE, "## If none", "## If one", "is another on other pages"),
    ("tests/snippets/demo/test_too_small.py", "test_cause", "test_nothing", "nothing plants the causes"),
]


@pytest.mark.parametrize(("file", "old", "new", "words"), MISTAKES, ids=[row[3] for row in MISTAKES])
def test_mistake_is_named(symptom, file, old, new, words):
    edit(symptom, file, old, new)
    problems = found(symptom)
    assert any(words in str(problem) for problem in problems), problems


@pytest.mark.parametrize("name", ["broken_zero.py", "fixed_zero.py", "check.py"])
def test_cause_without_its_program_or_check(symptom, name):
    (symptom / ROOM / name).unlink()
    words = "no check" if name == "check.py" else name
    assert any(words in str(problem) for problem in found(symptom))


def test_program_of_no_cause(symptom):
    write(symptom, f"{ROOM}/broken_other.py", "print(1)\n")
    assert any("no cause of the page has this program" in str(problem) for problem in found(symptom))
