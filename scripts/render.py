"""Runs the site generator over the stage, both editions at once, for the pages that it did not render before."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts import unchanged
from scripts.catalog import LANGUAGES
from scripts.problems import Problem, stop_on

GENERATOR = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file"]  # the one line to change
# Some pages only: the generator takes those that lie there for done. It warns of just that, which in strict mode is an
# error, so the warnings are counted here.
SOME = ["--dirty", "--no-strict"]
EXPECTED = "A 'dirty' build is being performed"
OUT = "build/out"


def environment(root: Path) -> dict[str, str]:
    """What the generator sees: the caller's variables, and where to find the guide's Markdown extension."""
    return {**os.environ, "PYTHONPATH": str(root), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}


def render(root: Path) -> Path:
    """Render build/stage into build/out, the English edition at its root and the Chinese under zh/.

    Returns:
        The folder that holds the whole site.

    Raises:
        BuildError: when the generator warns or fails, with the page it names.
    """
    out = root / OUT
    shutil.rmtree(out, ignore_errors=True)
    rendered = {lang: root / "build" / "rendered" / lang for lang in LANGUAGES}  # as navigation.config names them
    states = {lang: root / "build" / "rendered" / f"{lang}.json" for lang in LANGUAGES}
    keys = {lang: unchanged.keys(root, lang) for lang in LANGUAGES}
    runs = {}
    for lang in LANGUAGES:
        kept = unchanged.keep(rendered[lang], states[lang], keys[lang])
        command = [*GENERATOR, str(root / "build" / "stage" / lang / "mkdocs.yml"), *(SOME if kept else [])]
        runs[lang] = subprocess.Popen(
            command, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    logs = {lang: run.communicate()[0] for lang, run in runs.items()}
    (root / "build" / "render.log").write_text("\n".join(logs.values()), encoding="utf-8")
    stop_on(p for lang, run in runs.items() for p in problems(root, lang, logs[lang], run.returncode))
    for lang in LANGUAGES:
        unchanged.remember(states[lang], keys[lang])
    shutil.copytree(rendered["en"], out)
    shutil.copytree(rendered["zh"], out / "zh")
    return out


def problems(root: Path, lang: str, log: str, code: int) -> list[Problem]:
    """The generator's warnings and errors, each with the page it speaks of."""
    found = []
    for line in log.splitlines():
        match = re.match(r"(?:WARNING|ERROR) +-? *(.*)", line)
        if not match or match[1].startswith(EXPECTED):
            continue
        message = match[1]
        page = re.search(r"'([\w/-]+\.md)'", message)
        source = f"docs/{lang}/{page[1]}" if page else f"build/stage/{lang}/mkdocs.yml"
        if not (root / source).exists():
            source = f"build/stage/{lang}/docs/{page[1]}" if page else source
        found.append(Problem(source, _line(root / source, message), message, "The site generator refused this page."))
    if found or not code:
        return found
    remedy = "See build/render.log for the generator's whole output."
    return [Problem(f"build/stage/{lang}/mkdocs.yml", 1, "the site generator failed:\n" + log[-2000:], remedy)]


def _line(path: Path, message: str) -> int:
    """The line of the page that holds what the generator quotes, else the first."""
    quoted = re.findall(r"'([^']+)'", message)
    if path.exists():
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if any(piece in text for piece in quoted[1:]):
                return number
    return 1
