"""A guide of many entries to measure rebuilds on: the real one, its sections copied until there are enough.

A copied entry keeps its text, snippets, figures, formulas, claims and tests; only ids, section and links are others.
Its snippets count as verified and its claims as proved, because the originals were: see :func:`prove`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import yaml

from scripts import claims, verify
from scripts.problems import ROOT
from scripts.report import Report
from scripts.sources.catalog import load
from scripts.sources.pages import Entry
from scripts.sources.sections import FILE
from scripts.stage import Stage

COPIED = ("docs", "scripts", "snippets", "tests", "mkdocs.yml", "mkdocs.zh.yml", "pyproject.toml")


def plant(root: Path, entries: int) -> None:
    """Write the sources of a guide of ``entries`` entries in two languages below ``root``."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    rule = root / "scripts" / "sources" / "checks.py"  # links of copies are longer
    rule.write_text(rule.read_text(encoding="utf-8").replace("LONGEST = 160", "LONGEST = 999"), encoding="utf-8")
    real = load(ROOT)
    listed = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))
    missing = entries - len(real.techniques)
    for number in range(2, 1000):
        for section in real.sections:
            originals = real.in_section(section.id)[: max(0, missing)]
            if originals and (index := real.index_of(section.id)):
                ids = [f"{entry.id}-{number}" for entry in originals]
                listed.append(
                    {"id": f"{section.id}{number}", "families": [{"en": "All", "zh": "全部", "entries": ids}]}
                )
                for entry in (index, *originals):
                    _copy(root, entry, number)
                missing -= len(originals)
    (root / FILE).write_text(yaml.safe_dump(listed, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for command in (["git", "init", "-q"], ["git", "add", "."], ["git", "-c", "commit.gpgsign=false", *COMMIT]):
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)


COMMIT = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "-m", "Plant")


def _copy(root: Path, entry: Entry, number: int) -> None:
    """One entry (or index) once more, in section ``<section><number>`` and under the id ``<id>-<number>``."""
    section = f"{entry.section}{number}"
    stem = entry.id if entry.id == "index" else f"{entry.id}-{number}"
    for page in entry.pages.values():
        text = re.sub(r"\]\(([a-z0-9-]+\.md)", rf"](../{entry.section}/\1", page.text)
        _write(root / "docs" / page.lang / section / f"{stem}.md", text)
    for snippet in entry.snippets:
        _write(root / "snippets" / section / stem.replace("-", "_") / snippet.file, snippet.text)
    if (test := ROOT / entry.test).exists():
        room = f"snippets.{entry.section}.{entry.id.replace('-', '_')}"
        copied = f"snippets.{section}.{stem.replace('-', '_')}"
        text = re.sub(rf"\b{re.escape(room)}\b", copied, test.read_text("utf-8"))
        _write(root / "tests" / "snippets" / section / f"test_{stem.replace('-', '_')}.py", text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _original(path: str) -> str:
    """Where a path of the planted tree was copied from."""
    path = re.sub(r"^((?:tests/)?snippets/[a-z]+)\d+/", r"\1/", path)
    return re.sub(r"/test_(\w+?)_\d+\.py$", r"/test_\1.py", re.sub(r"^(snippets/\w+/\w+?)_\d+/", r"\1/", path))


def prove(root: Path) -> None:
    """Give the tree the verdicts that this repository's build reached over the originals, in the caches of its build.

    Raises:
        BadReport: this repository was not built yet.
    """
    report = Report.read(Stage(ROOT).verification)
    found = []
    for path in (snippet.path for snippet in load(root).snippets):
        (result,) = (result for result in report.results_of(_original(path)) if result.device == "cpu")
        files = {Path(name).name: (ROOT / name).read_bytes() for name in result.artifacts}
        found.append((replace(result, path=path, artifacts=()), files))
    verify.keep(root, found)
    proved = json.loads(Stage(ROOT).claims.read_text(encoding="utf-8"))
    results = {test: proved[_original(test)] | {"key": claims.key(root, test)} for test in load(root).tests}
    Stage(root).claims.write_text(json.dumps(results), encoding="utf-8")
