"""The door that the build and the preview use: report, then again on what changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts import verify
from scripts.report import Report
from scripts.verify import Options, Session
from tests.scripts.verify.calls import survivors


def plant(root: Path, **snippets: str) -> None:
    (root / "snippets").mkdir(exist_ok=True)
    for name, code in snippets.items():
        (root / "snippets" / f"{name}.py").write_text(code)


def rows(report: Report) -> list[tuple[str, str, str, bool]]:
    return [(Path(r.path).stem, r.status, r.output.strip(), r.cached) for r in report.results]


def test_only_what_is_named_is_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, one="print(1)", two="print(2)", three="print(3)")
    pages = {str(tmp_path / "snippets" / "one.py"): ["docs/en/b.md:2", "docs/en/a.md:1"]}
    with Session(tmp_path, Options(warm=True, jobs=1)) as warm:
        first = warm.report(pages)
        plant(tmp_path, one="1 / 0", three="print(4)")
        (tmp_path / "snippets" / "two.py").unlink()
        second = warm.rerun([str(tmp_path / "snippets" / "one.py")])
        assert survivors(tmp_path)  # the process that holds torch
    assert rows(first) == [
        ("one", "passed", "1", False),
        ("three", "passed", "3", False),
        ("two", "passed", "2", False),
    ]
    assert rows(second) == [("one", "failed", "", False), ("three", "passed", "3", False)]
    assert second.results[0].embedded_in == ("docs/en/a.md:1", "docs/en/b.md:2")
    assert "3 passed, 0 failed, 0 skipped" in capsys.readouterr().err
    assert survivors(tmp_path) == []


def test_verdicts_reached_elsewhere_are_kept_for_the_same_bytes_only(tmp_path: Path) -> None:
    """As the bench does for a planted tree: a copy counts as verified, a changed one is run."""
    here, there = tmp_path / "here", tmp_path / "there"
    for root, code in ((here, "print(2)"), (there, "print(3)")):
        root.mkdir()
        plant(root, same="print(1)", other=code)
    with Session(here, Options(jobs=1)) as verifier:
        known = verifier.report().results
    moved = [(replace(r, path=r.path.replace(str(here), str(there))), {}) for r in known]
    verify.keep(there, moved)
    with Session(there, Options(jobs=1)) as verifier:
        assert rows(verifier.report()) == [("other", "passed", "3", False), ("same", "passed", "1", True)]
