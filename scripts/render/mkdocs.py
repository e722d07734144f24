"""Runs the site generator over the stage, both editions at once, for the pages that it did not render before."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.problems import Problem, stop_on
from scripts.render import kept
from scripts.sources.pages import LANGUAGES
from scripts.stage import Stage

GENERATOR = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file"]  # the one line to change
# Some pages only: the generator takes those that lie there for done. It warns of just that, which in strict mode is an
# error, so the warnings are counted here.
SOME = ["--dirty", "--no-strict"]
EXPECTED = "A 'dirty' build is being performed"


def environment(root: Path) -> dict[str, str]:
    """What the generator sees: the caller's variables, and where to find the guide's Markdown extension."""
    return {**os.environ, "PYTHONPATH": str(root), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}


def render(root: Path) -> Path:
    """Render the stage, the English edition at its root and the Chinese under zh/.

    Returns:
        The folder that holds the whole site.

    Raises:
        BuildError: when the generator warns or fails, with the page it names.
    """
    stage = Stage(root)
    keys = {lang: kept.keys(stage, lang) for lang in LANGUAGES}
    commands = {}
    for lang in LANGUAGES:
        if kept.whole(stage.rendered(lang), stage.kept(lang), keys[lang]):
            continue  # nothing changed in this edition: to start the generator takes longer than all its work
        some = kept.keep(stage.rendered(lang), stage.kept(lang), keys[lang])
        commands[lang] = [*GENERATOR, str(stage.config(lang)), *(SOME if some else [])]
    _run(stage, commands)
    for lang in commands:
        kept.remember(stage.kept(lang), keys[lang])
    return _together({lang: stage.rendered(lang) for lang in LANGUAGES}, stage.out)


def render_whole(root: Path, out: Path, generator: list[str]) -> None:
    """Render every page of the stage into ``out`` with any generator, beside what :func:`render` keeps.

    Args:
        root: the repository.
        out: where the site shall lie; what is there goes.
        generator: the command; it takes a configuration's path as last argument and obeys ``site_dir``.

    Raises:
        BuildError: when the generator warns or fails, with the page it names.
    """
    stage = Stage(root)
    editions = {lang: stage.edition(lang) for lang in LANGUAGES}
    commands = {}
    for lang, edition in editions.items():
        shutil.rmtree(edition / "site", ignore_errors=True)  # of a run that was stopped
        config = stage.config(lang).read_text(encoding="utf-8")
        # Not every generator writes outside of its configuration's folder.
        (edition / "whole.yml").write_text(re.sub(r"(?m)^site_dir: .*", "site_dir: site", config), encoding="utf-8")
        commands[lang] = [*generator, str(edition / "whole.yml")]
    _run(stage, commands)
    _together({lang: edition / "site" for lang, edition in editions.items()}, out)
    for edition in editions.values():
        shutil.rmtree(edition / "site")
        (edition / "whole.yml").unlink()


def _run(stage: Stage, commands: dict[str, list[str]]) -> None:
    """Run the generator for all editions at once; its complaints become problems."""
    runs = {
        lang: subprocess.Popen(
            command,
            cwd=stage.root,
            env=environment(stage.root),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for lang, command in commands.items()
    }
    logs = {lang: run.communicate()[0] for lang, run in runs.items()}
    stage.render_log.write_text("\n".join(logs.values()), encoding="utf-8")
    stop_on(p for lang, run in runs.items() for p in problems(stage, lang, logs[lang], run.returncode))


def _together(rendered: dict[str, Path], out: Path) -> Path:
    """One site of both editions."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(rendered["en"], out)
    shutil.copytree(rendered["zh"], out / "zh")
    return out


def problems(stage: Stage, lang: str, log: str, code: int) -> list[Problem]:
    """The generator's warnings and errors, each with the page it speaks of."""
    root, config = stage.root, stage.config(lang).relative_to(stage.root).as_posix()
    found = []
    for line in log.splitlines():
        match = re.match(r"(?:WARNING|ERROR) +-? *(.*)", line)
        if not match or match[1].startswith(EXPECTED):
            continue
        message = match[1]
        page = re.search(r"'([\w/-]+\.md)'", message)
        source = f"docs/{lang}/{page[1]}" if page else config
        if not (root / source).exists():
            source = stage.page(lang, page[1]).relative_to(root).as_posix() if page else source
        found.append(Problem(source, _line(root / source, message), message, "The site generator refused this page."))
    if found or not code:
        return found
    remedy = f"See {stage.render_log.relative_to(root)} for the generator's whole output."
    return [Problem(config, 1, "the site generator failed:\n" + log[-2000:], remedy)]


def _line(path: Path, message: str) -> int:
    """The line of the page that holds what the generator quotes, else the first."""
    quoted = re.findall(r"'([^']+)'", message)
    if path.exists():
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if any(piece in text for piece in quoted[1:]):
                return number
    return 1
