"""Error texts that a symptom's page promises: each run ends with one of them, and each of them ends a run."""

from __future__ import annotations

from functools import cache

import yaml

from tests.support.planted import ROOT, SECTION, Run, program, rows, run


@cache
def texts(symptom: str) -> list[str]:
    """The texts under ``says`` in the page's front matter."""
    text = (ROOT / "docs" / "en" / SECTION / f"{symptom}.md").read_text(encoding="utf-8")
    return list(yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))["says"])


def said(symptom: str, program_run: Run) -> list[str]:
    """Those of the page's texts that stand in what a program printed, warnings and errors among it."""
    return [text for text in texts(symptom) if text in program_run.log]


def never_said(symptom: str) -> list[str]:
    """Texts of the page that none of its broken programs prints."""
    logs = [run(program(f"{symptom}/{row['id']}", "broken")).log for row in rows(symptom)]
    return [text for text in texts(symptom) if not any(text in log for log in logs)]
