"""Runs the tests behind the pages' claims and keeps their results: build/claims.json.

A test file runs again only when it, a file that it imports, an experiment that it reads, torch or Python changed.
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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from scripts import companions
from scripts.problems import Problem, stop_on
from scripts.sources.catalog import Catalog
from scripts.stage import Stage

LOCAL = ("tests", "snippets", "scripts")  # packages of this repository
ALWAYS = ("pyproject.toml", "tests/conftest.py", "tests/snippets/conftest.py", "tests/support/seeded.py")


@dataclass(frozen=True)
class Case:
    """One test, or one case of a parametrized test: ``outcome`` is passed, skipped or failed.

    ``said`` is what it recorded for the page, by name: a check's finding, say.
    """

    name: str
    line: int
    outcome: str
    seconds: float
    message: str = ""
    detail: str = ""
    said: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileResult:
    """What became of one test file; ``key`` is a hash of all that its verdict can depend on."""

    key: str
    torch: str
    when: str
    cases: tuple[Case, ...]

    @property
    def passed(self) -> bool:
        """Whether every test of the file passed."""
        return all(case.outcome == "passed" for case in self.cases)


@dataclass(frozen=True)
class ClaimResult:
    """What became of one claim's test, its parametrized cases taken together."""

    name: str
    line: int
    cases: int
    seconds: float


Results = Mapping[str, FileResult]


def key(root: Path, test: str) -> str:
    """A hash of all that the test file's verdict can depend on."""
    digest = hashlib.sha256(f"{version('torch')} {platform.python_version()} {platform.machine()}".encode())
    section = test.split("/")[2]
    room = root / "snippets" / section / Path(test).stem.removeprefix("test_")
    wanted = [root / test, *(root / name for name in ALWAYS), *sorted(room.glob("*.py")), *_told_apart(root, test)]
    wanted += [path for pattern in _reads(root / test) for path in sorted(root.glob(pattern))]
    for path in sorted(_with_imports(root, wanted)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _reads(test: Path) -> list[str]:
    """Patterns of the files that a test reads beyond those it imports, as its docstring says: ``reads: docs/*.md``."""
    found = re.search(r"^reads: (.+)$", test.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].split() if found else []


def _told_apart(root: Path, test: str) -> Iterator[Path]:
    """A symptom's page, which names its causes, and the programs of other symptoms that its checks are tried on."""
    section, name = test.split("/")[2], Path(test).stem.removeprefix("test_")
    page = root / "docs" / "en" / section / f"{name.replace('_', '-')}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if "\nkind: symptom\n" in text:
        yield page
        for symptom, cause in re.findall(r"\bunlike: ([a-z0-9-]+)/([a-z0-9-]+)", text):
            yield root / "snippets" / section / symptom.replace("-", "_") / f"broken_{cause.replace('-', '_')}.py"


def _with_imports(root: Path, wanted: list[Path]) -> set[Path]:
    """These files, and all of this repository that they import, however far."""
    seen: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        if path.suffix == ".py":
            wanted += [root / file for name in _imports(path.read_text(encoding="utf-8")) for file in _files(name)]
    return seen


def _files(module: str) -> tuple[str, str]:
    return f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"


@cache
def _imports(text: str) -> frozenset[str]:
    """Dotted names, of modules or of what lies in them, that a file imports from this repository."""
    return frozenset(name for name in companions.imported(text.encode()) if name.split(".")[0] in LOCAL)


def run(catalog: Catalog, jobs: int | None = None) -> dict[str, FileResult]:
    """Results of every test file under tests/snippets, from the cache where nothing changed.

    Raises:
        BuildError: when a test did not pass, with its file and line.
    """
    path = Stage(catalog.root).claims
    path.parent.mkdir(exist_ok=True)
    known = read(path)
    keys = {test: key(catalog.root, test) for test in catalog.tests}
    stale = [test for test in keys if test not in known or known[test].key != keys[test] or not known[test].passed]
    if stale:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        for test, cases in _run(catalog.root, stale, jobs or os.cpu_count() or 1).items():
            known[test] = FileResult(keys.get(test, ""), version("torch"), when, tuple(cases))
    results = {test: known[test] for test in catalog.tests}
    temporary = path.with_suffix(".tmp")
    text = json.dumps({test: asdict(result) for test, result in results.items()}, indent=1)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    stop_on(problems(results))
    return results


def read(path: Path) -> dict[str, FileResult]:
    """The results of the last run; none where there is no such file, or one of another form."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {
            test: FileResult(**{**result, "cases": tuple(Case(**case) for case in result["cases"])})
            for test, result in known.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def last(catalog: Catalog) -> dict[str, FileResult]:
    """The results of the last run, for a preview; test files that never ran have none."""
    known = read(Stage(catalog.root).claims)
    return {test: known[test] for test in catalog.tests if test in known}


def _run(root: Path, tests: list[str], jobs: int) -> dict[str, list[Case]]:
    """Run the test files; results of each file's tests.

    pytest's rewriting of asserts, which lets a failure say its numbers, is half of the work of collection, and each
    worker collects all tests: only files in which a test failed are run with it, to hear what they say.
    """
    results = _once(root, tests, jobs, "--assert=plain")
    failed = [test for test, cases in results.items() if any(case.outcome == "failed" for case in cases)]
    if failed:
        told = _once(root, failed, jobs)
        for test in failed:
            again = {case.name: case for case in told.get(test, []) if case.outcome == "failed"}
            results[test] = [again.get(case.name, case) if case.outcome == "failed" else case for case in results[test]]
    return results


def _once(root: Path, tests: list[str], jobs: int, *options: str) -> dict[str, list[Case]]:
    """Run the test files once with pytest; results of each file's tests."""
    junit = Stage(root).build / "claims.xml"
    junit.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={junit}"]
    command += ["-p", "no:hypothesispytest"]  # it loads all of hypothesis to report nothing
    command += ["-o", "junit_family=xunit1", "-o", "junit_logging=no", "--rootdir", str(root), *options]
    if jobs > 1 and len(tests) > 1:
        command += ["-n", str(jobs), "--dist", "loadfile"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run([*command, *tests], cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not junit.exists():
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        broken = re.search(r"(tests/\S+?\.py)(?::(\d+))?", tail)
        where = (broken[1], int(broken[2] or 1)) if broken else (tests[0], 1)
        stop_on([Problem(*where, f"pytest could not run the tests:\n{tail}", "Run it by hand: pytest " + where[0])])
    results: dict[str, list[Case]] = {test: [] for test in tests}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        file = case.get("file") or (case.get("classname", "").replace(".", "/") + ".py")
        results.setdefault(file, []).append(_case(case))
    return results


def _case(case: ElementTree.Element) -> Case:
    bad = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
    outcome = "passed" if bad is None else "skipped" if bad.tag == "skipped" else "failed"
    return Case(
        name=case.get("name", ""),
        line=int(case.get("line") or 0) + 1,
        outcome=outcome,
        seconds=float(case.get("time") or 0),
        message=(bad.get("message") or "") if bad is not None else "",
        detail=(bad.text or "") if bad is not None else "",
        said={row.get("name", ""): row.get("value", "") for row in case.iter("property")},
    )


def problems(results: Results) -> Iterator[Problem]:
    """Tests that did not pass; a skipped test proves nothing, so it counts."""
    for test, result in results.items():
        if not result.cases:
            yield Problem(test, 1, "the file holds no test that ran", "Name test functions test_….")
        for case in result.cases:
            if case.outcome == "passed":
                continue
            at = re.findall(rf"{re.escape(test)}:(\d+)", case.detail)
            message = f"{case.name} {case.outcome}: {case.message.splitlines()[0] if case.message else ''}"
            remedy = "Find out whether the page's claim or the code is wrong; never loosen the test first."
            yield Problem(test, int(at[-1]) if at else case.line, message, remedy)


def result_of(file: FileResult, claim: str) -> ClaimResult | None:
    """What became of the test of one claim; None where it did not run."""
    name = f"test_{claim}"
    cases = [case for case in file.cases if case.name == name or case.name.startswith(name + "[")]
    if not cases:
        return None
    return ClaimResult(name, cases[0].line, len(cases), sum(case.seconds for case in cases))
