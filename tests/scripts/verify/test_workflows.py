"""The workflows keep the rules that can be read off them: pinned actions, least permissions, nothing injected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[3] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_rules(file: Path) -> None:
    text = file.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        assert set(job.get("permissions", {})) <= {"pages", "id-token", "issues"}, name
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), f"{file.name}: values reach scripts through the environment only"
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert re.findall(r"uses: \S+@\S+(?! # v\d)$", text, re.MULTILINE) == []
    assert "pull_request_target" not in text


def test_one_version_of_each_action() -> None:
    used = {step["uses"] for file in WORKFLOWS for step in steps(yaml.safe_load(file.read_text())) if "uses" in step}
    names = [use.partition("@")[0] for use in used]
    assert len(names) == len(set(names))
    assert {file.stem for file in WORKFLOWS} == {"pull-request", "main", "weekly"}


def test_generators_are_compared_before_merging_and_every_week() -> None:
    for name in ("pull-request", "weekly"):
        runs = [step.get("run", "") for step in steps(yaml.safe_load((FOLDER / f"{name}.yml").read_text()))]
        assert any("make canary" in run for run in runs), name
    weekly = yaml.safe_load((FOLDER / "weekly.yml").read_text())
    assert set(weekly["jobs"]["report"]["needs"]) == set(weekly["jobs"]) - {"report"}
