"""Runs the tests behind the pages' claims and keeps their results: build/claims.json.

A test file runs again only when it, a snippet that it can see, torch or Python changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.catalog import Catalog
from scripts.problems import Problem, stop_on

REPORT = "build/claims.json"


def key(root: Path, test: str) -> str:
    """A hash of all that the test file's verdict can depend on."""
    digest = hashlib.sha256(f"{version('torch')} {platform.python_version()} {platform.machine()}".encode())
    section = test.split("/")[2]
    stem = Path(test).stem.removeprefix("test_")
    text = (root / test).read_text(encoding="utf-8")
    seen = {root / test, root / "pyproject.toml", root / "tests" / "oracles.py"}
    seen |= {root / "tests" / "conftest.py", root / "tests" / "snippets" / "conftest.py"}
    seen |= {
        root / "tests" / f"{module.replace('.', '/')}.py" for module in re.findall(r"\btests\.([\w.]+) import", text)
    }
    seen |= set((root / "snippets" / section).glob(f"{stem}*.py"))
    for module in re.findall(r"\bsnippets\.(\w+)\.(\w+)", text):
        seen |= {root / "snippets" / module[0] / f"{module[1]}.py"}
    for folder, names in re.findall(r"from snippets\.(\w+) import ([\w, ]+)", text):
        seen |= {root / "snippets" / folder / f"{name.strip()}.py" for name in names.split(",")}
    for path in sorted(seen):
        if path.exists():
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return known if isinstance(known, dict) else {}
    except (OSError, ValueError):
        return {}


def _run(root: Path, tests: list[str], jobs: int) -> dict[str, list[dict[str, Any]]]:
    """Run the test files once with pytest; results of each file's tests."""
    junit = root / "build" / "claims.xml"
    junit.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={junit}"]
    command += ["-o", "junit_family=xunit1", "-o", "junit_logging=no", "--rootdir", str(root)]
    if jobs > 1 and len(tests) > 1:
        command += ["-n", str(jobs), "--dist", "loadfile"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run([*command, *tests], cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not junit.exists():
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        broken = re.search(r"(tests/\S+?\.py)(?::(\d+))?", tail)
        where = (broken[1], int(broken[2] or 1)) if broken else (tests[0], 1)
        stop_on([Problem(*where, f"pytest could not run the tests:\n{tail}", "Run it by hand: pytest " + where[0])])
    results: dict[str, list[dict[str, Any]]] = {test: [] for test in tests}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        bad = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        file = case.get("file") or (case.get("classname", "").replace(".", "/") + ".py")
        results.setdefault(file, []).append(
            {
                "name": case.get("name", ""),
                "line": int(case.get("line") or 0) + 1,
                "outcome": {None: "passed", "skipped": "skipped"}.get(bad.tag if bad is not None else None, "failed"),
                "seconds": float(case.get("time") or 0),
                "message": (bad.get("message") or "") if bad is not None else "",
                "detail": (bad.text or "") if bad is not None else "",
            }
        )
    return results


def run(catalog: Catalog, jobs: int | None = None) -> dict[str, Any]:
    """Results of every test file under tests/snippets, from the cache where nothing changed.

    Returns:
        ``{test file: {"key", "torch", "when", "tests": [{"name", "line", "outcome", "seconds", "message"}]}}``

    Raises:
        BuildError: when a test did not pass, with its file and line.
    """
    path = catalog.root / REPORT
    path.parent.mkdir(exist_ok=True)
    known = _read(path)
    keys = {test: key(catalog.root, test) for test in catalog.tests}
    stale = [
        test
        for test, key in keys.items()
        if known.get(test, {}).get("key") != key or any(r["outcome"] != "passed" for r in known[test]["tests"])
    ]
    if stale:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        for test, tests in _run(catalog.root, stale, jobs or os.cpu_count() or 1).items():
            known[test] = {"key": keys.get(test), "torch": version("torch"), "when": when, "tests": tests}
    results = {test: known[test] for test in catalog.tests}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")
    temporary.replace(path)
    stop_on(problems(results))
    return results


def last(catalog: Catalog) -> dict[str, Any]:
    """The results of the last run, for a preview; test files that never ran have none."""
    known = _read(catalog.root / REPORT)
    return {test: known[test] for test in catalog.tests if test in known}


def problems(results: dict[str, Any]) -> Iterator[Problem]:
    """Tests that did not pass; a skipped test proves nothing, so it counts."""
    for test, result in results.items():
        if not result["tests"]:
            yield Problem(test, 1, "the file holds no test that ran", "Name test functions test_….")
        for case in result["tests"]:
            if case["outcome"] == "passed":
                continue
            at = re.findall(rf"{re.escape(test)}:(\d+)", case["detail"])
            message = f"{case['name']} {case['outcome']}: {case['message'].splitlines()[0] if case['message'] else ''}"
            remedy = "Find out whether the page's claim or the code is wrong; never loosen the test first."
            yield Problem(test, int(at[-1]) if at else case["line"], message, remedy)


def result_of(results: dict[str, Any], test: str, claim: str) -> dict[str, Any] | None:
    """The claim's test, its parametrized cases taken together: name, line, seconds, number of cases."""
    name = f"test_{claim}"
    cases = [c for c in results.get(test, {}).get("tests", []) if c["name"] == name or c["name"].startswith(name + "[")]
    if not cases:
        return None
    seconds = sum(case["seconds"] for case in cases)
    return {"name": name, "line": cases[0]["line"], "cases": len(cases), "seconds": seconds}
