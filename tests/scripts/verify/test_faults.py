"""Every fault that a snippet can have gets its name, and none harms anything else.

Each file of ``tests/scripts/faults`` says in its first line what to expect, and marks with ``# <-`` the lines of which
the verifier has to name one. All of them run in one call, as in real life.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.scripts.verify.calls import FAULTS, SECRET, Run, survivors, verify

ALL = sorted(FAULTS.glob("*.py"))
OUTSIDE = [Path("/var/tmp/verify-fault-was-here"), *(Path(p) / "left_by_other_snippet" for p in ("/tmp", "/dev/shm"))]
LIMITS = ("--timeout", 6, "--memory", 0.2, "--disk", 0.03, "--jobs", 6)  # a slow disk must reach its limit in time
# What only the kernel can stop: ways round Python, and reading.
NEEDS_KERNEL = {
    "kills_parent_in_c.py", "network_in_c.py", "writes_own_source_in_c.py", "reads_files_of_others.py",
    "reads_secret_of_others.py",
}  # fmt: skip


def lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").split("\n")


def expectation(file: Path) -> tuple[str, str | None]:
    """Status and type of error that the file's first line announces."""
    if file.name == "empty.py":
        return "failed", "ValueError"
    found = re.search(r"expect: (\S+?)(?: (\w+))?\W*$", lines(file)[0])
    assert found, f"{file} does not say what to expect"
    return found[1], found[2]


READ = [file for file in ALL if expectation(file) == ("failed", "Refused")]  # refused before they run
FILES = [file for file in ALL if file not in READ]  # run, with what is refused by name let through


def sources() -> dict[str, tuple[str, int]]:
    return {file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mode) for file in ALL}


@pytest.fixture(scope="module")
def before() -> dict[str, tuple[str, int]]:
    for file in OUTSIDE:
        file.unlink(missing_ok=True)
    return sources()


@pytest.fixture(scope="module")
def run(before: object, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return verify(*FILES, *LIMITS, "--internals", build=tmp_path_factory.mktemp("kernel"))


@pytest.fixture(scope="module")
def audited(before: object, tmp_path_factory: pytest.TempPathFactory) -> Run:
    names = ("kill", "write", "network", "chmod", "delete", "harmless", "exception", "orphan", "leaves")
    files = [f for f in FILES if f.name.startswith(names) and (f.name not in NEEDS_KERNEL or "parent" in f.name)]
    return verify(*files, *LIMITS, "--guards", "audit", "--internals", build=tmp_path_factory.mktemp("audit"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_names_the_fault(run: Run, file: Path) -> None:
    status, kind = expectation(file)
    result = run.result(file.name)
    assert result["status"] == status, result
    if status == "passed":
        assert result["error"] is None
        return
    assert result["error"]["type"] == kind, result
    marked = [number for number, line in enumerate(lines(file), 1) if line.endswith("# <-")]
    if marked:
        assert result["error"]["line"] in marked, result
        assert result["error"]["source"] == lines(file)[result["error"]["line"] - 1].strip()


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return verify(*READ, FAULTS / "os_exit.py", FAULTS / "harmless.py", build=tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize("file", READ, ids=lambda file: file.stem)
def test_is_refused_before_it_runs(read: Run, file: Path) -> None:
    error = read.result(file.name)["error"]
    assert (error["type"], read.result(file.name)["output"]) == ("Refused", "")
    marked = [number for number, line in enumerate(lines(file), 1) if line.endswith("# <-")]
    assert not marked or error["line"] in marked, error
    assert "Traceback" not in read.errors


def test_what_could_forge_a_verdict_is_refused_by_name_and_the_report_says_so(read: Run, run: Run) -> None:
    assert (
        read.result("os_exit.py")["error"]["message"] == "a snippet may not use os._exit, which could forge a verdict"
    )
    assert read.result("harmless.py")["status"] == "passed"
    assert (read.report["guards"]["internals"], run.report["guards"]["internals"]) == ("refused by name", "allowed")


def test_exit_code_and_summary(run: Run) -> None:
    passed = sum(expectation(file)[0] == "passed" for file in FILES)
    assert run.code == 1
    assert f"{passed} passed, {len(FILES) - passed} failed, 0 skipped" in run.errors


def test_all_have_a_verdict(run: Run) -> None:
    assert [Path(result["path"]).name for result in run.report["results"]] == [file.name for file in FILES]


def test_sources_are_untouched(run: Run, before: dict[str, tuple[str, int]]) -> None:
    assert sources() == before


def test_nothing_is_written_elsewhere(run: Run) -> None:
    assert [file for file in OUTSIDE if file.exists()] == []
    assert not (run.build / "cache" / "verify" / "run").exists()


def test_nothing_is_left_running(run: Run) -> None:
    assert survivors(run.build) == []


def test_secret_is_nowhere(run: Run) -> None:
    for file in run.build.rglob("*"):
        assert not file.is_file() or b"do not tell" not in file.read_bytes(), f"{SECRET} stands in {file}"


def test_output_is_text_that_can_be_shown(run: Run) -> None:
    assert run.result("html.py")["output"] == "<script>alert(1)</script> & <b>bold</b>\n"
    assert run.result("bad_utf8.py")["output"] == "caf\\xe9\n"
    assert run.result("escape_sequences.py")["output"] == "\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\n"
    assert "\x1b" not in run.errors


def test_endless_output_is_capped(run: Run) -> None:
    assert len(run.result("endless_stdout.py")["output"]) <= 1 << 20


def test_only_plain_files_of_known_kinds_become_artifacts(run: Run) -> None:
    (table,) = run.result("harmless.py")["artifacts"]
    assert Path(table).name == "numbers.csv"
    assert Path(table).read_text() == "a,b\n1,2\n"
    assert run.result("links_as_artifact.py")["artifacts"] == []


def test_says_which_guard_was_on(run: Run, audited: Run) -> None:
    assert set(run.report["guards"]) == {
        "files",
        "signals",
        "network",
        "metadata",
        "processes",
        "shared memory",
        "internals",
    }
    assert set(audited.report["guards"].values()) == {"audit hook", "refused", "allowed"}


def test_failure_is_shown_with_its_own_frames(run: Run) -> None:
    block = run.errors.partition("FAILED tests/scripts/faults/exception.py, line 3")[2].partition("\n\n")[0]
    assert "line 7, in <module>" in block
    assert "return a / b" in block
    assert "worker.py" not in block


def test_the_fall_of_one_supervisor_harms_no_other_snippet(tmp_path: Path) -> None:
    """Without the kernel's guards a snippet can kill what watches it; what is cleared away then is its own."""
    for number in range(60):
        if number % 4 == 0:
            (tmp_path / f"kills_{number}.py").write_text((FAULTS / "kills_parent_in_c.py").read_text())
        else:
            (tmp_path / f"waits_{number}.py").write_text("import subprocess\n\nsubprocess.run(['true'], check=True)\n")
    run = verify(tmp_path, "--jobs", 6, "--guards", "audit", "--internals", build=tmp_path / "build")
    statuses = {Path(result["path"]).stem: result["status"] for result in run.report["results"]}
    assert statuses == {name: "crashed" if name.startswith("kills") else "passed" for name in statuses}
    assert len(statuses) == 60


def test_audit_hook_stops_what_python_can_stop(audited: Run, before: dict[str, tuple[str, int]]) -> None:
    for result in audited.report["results"]:
        file = FAULTS / Path(result["path"]).name
        assert result["status"] == expectation(file)[0], result
    assert sources() == before
    assert [file for file in OUTSIDE if file.exists()] == []
    assert survivors(audited.build) == []
