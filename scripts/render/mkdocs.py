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
    rendered = {lang: root / "build" / "rendered" / lang for lang in LANGUAGES}  # as navigation.config names them
    states = {lang: root / "build" / "rendered" / f"{lang}.json" for lang in LANGUAGES}
    keys = {lang: unchanged.keys(root, lang) for lang in LANGUAGES}
    commands = {}
    for lang in LANGUAGES:
        kept = unchanged.keep(rendered[lang], states[lang], keys[lang])
        commands[lang] = [*GENERATOR, str(root / "build" / "stage" / lang / "mkdocs.yml"), *(SOME if kept else [])]
    _run(root, commands)
    for lang in LANGUAGES:
        unchanged.remember(states[lang], keys[lang])
    return _together(rendered, root / OUT)


def render_whole(root: Path, out: Path, generator: list[str]) -> None:
    """Render every page of build/stage into ``out`` with any generator, beside what :func:`render` keeps.

    Args:
        root: the repository.
        out: where the site shall lie; what is there goes.
        generator: the command; it takes a configuration's path as last argument and obeys ``site_dir``.

    Raises:
        BuildError: when the generator warns or fails, with the page it names.
    """
    stages = {lang: root / "build" / "stage" / lang for lang in LANGUAGES}
    commands = {}
    for lang, stage in stages.items():
        shutil.rmtree(stage / "site", ignore_errors=True)  # of a run that was stopped
        config = (stage / "mkdocs.yml").read_text(encoding="utf-8")
        # Not every generator writes outside of its configuration's folder.
        (stage / "whole.yml").write_text(re.sub(r"(?m)^site_dir: .*", "site_dir: site", config), encoding="utf-8")
        commands[lang] = [*generator, str(stage / "whole.yml")]
    _run(root, commands)
    _together({lang: stage / "site" for lang, stage in stages.items()}, out)
    for stage in stages.values():
        shutil.rmtree(stage / "site")
        (stage / "whole.yml").unlink()


def _run(root: Path, commands: dict[str, list[str]]) -> None:
    """Run the generator for all editions at once; its complaints become problems."""
    runs = {
        lang: subprocess.Popen(
            command, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for lang, command in commands.items()
    }
    logs = {lang: run.communicate()[0] for lang, run in runs.items()}
    (root / "build" / "render.log").write_text("\n".join(logs.values()), encoding="utf-8")
    stop_on(p for lang, run in runs.items() for p in problems(root, lang, logs[lang], run.returncode))


def _together(rendered: dict[str, Path], out: Path) -> Path:
    """One site of both editions."""
    shutil.rmtree(out, ignore_errors=True)
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
