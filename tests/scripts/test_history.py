"""When a page came and changed: by git, but for what its readers do not see."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.sources.history import dates

PAGE = "---\ntitle: One\n---\n\nText.\n"


def _commit(root: Path, when: str, **texts: str) -> None:
    for name, text in texts.items():
        file = root / "docs" / f"{name}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    me = ["-c", "user.name=tester", "-c", "user.email=tester@example.invalid"]
    settings = os.environ | {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    commands: list[list[str]] = [["init", "-q"], ["add", "-A"], [*me, "commit", "-qm", "change"]]
    for command in commands:
        subprocess.run(["git", *command], cwd=root, env=settings, check=True)


def test_a_change_for_the_search_alone_is_no_change(tmp_path):
    asked = PAGE.replace("One\n", "One\nasked: [first one]\n")
    _commit(tmp_path, "2026-01-01T00:00:00+00:00", one=PAGE, two=PAGE, three=asked)
    _commit(tmp_path, "2026-01-02T00:00:00+00:00", one=asked, two=PAGE + "More.\n", three=asked.replace("first", "1st"))
    _commit(tmp_path, "2026-01-03T00:00:00+00:00", three=asked.replace("Text", "Words"))
    assert dates(tmp_path, "docs") == {
        "docs/one.md": ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
        "docs/two.md": ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"),
        "docs/three.md": ("2026-01-01T00:00:00+00:00", "2026-01-03T00:00:00+00:00"),
    }


def test_without_a_history_there_are_no_dates(tmp_path):
    (tmp_path / "docs").mkdir()
    assert dates(tmp_path, "docs") == {}
