"""The command line: cache, devices, repetition, shards, interruption, lock, and calls that make no sense."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from filelock import FileLock

from scripts.verify import cli, environment
from tests.scripts.verify.calls import FAULTS, ROOT, command, surroundings, survivors, verify

SNIPPET = """
from pathlib import Path

import torch

x = torch.ones(2, 3)
Path("table.csv").write_text("a,b")
print(tuple(x.shape), x.device.type)
"""


@pytest.fixture
def snippets(tmp_path: Path) -> Path:
    folder = tmp_path / "snippets"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(f'"""Snippet {name}."""\n{SNIPPET}')
    return folder


def test_cache(snippets: Path, tmp_path: Path) -> None:
    """Unchanged is not run again and needs no torch; changed, altered or lost is run again."""
    build = tmp_path / "build"
    first = verify(snippets, build=build)
    assert first.code == 0
    assert not any(result["cached"] for result in first.report["results"])

    table = Path(first.result("one.py")["artifacts"][0])
    table.write_text("forged")
    again = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scripts.verify", snippets, "--build", build],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "| torch" not in again.stderr
    report = json.loads((build / "verification.json").read_text())
    assert all(result["cached"] for result in report["results"])
    assert report["results"][0]["verified"] == first.report["results"][0]["verified"]
    assert table.read_text() == "a,b"

    entries = sorted((build / "cache" / "verify" / "verdicts").rglob("*.json"))
    assert len(entries) == 2
    entries[0].write_bytes(entries[0].read_bytes()[:-20])
    entries[1].write_text(entries[1].read_text().replace("(2, 3)", "(9, 9)"))
    tampered = verify(snippets, build=build)
    assert not any(result["cached"] for result in tampered.report["results"])
    assert "(2, 3)" in tampered.result("two.py")["output"]

    for blob in (build / "cache" / "verify" / "artifacts").iterdir():
        blob.write_text("a,c")
    (snippets / "two.py").write_text("print('new')")
    third = verify(snippets, build=build)
    assert not any(result["cached"] for result in third.report["results"])
    assert Path(third.result("one.py")["artifacts"][0]).read_text() == "a,b"
    assert third.result("two.py")["artifacts"] == []
    assert not (build / "artifacts" / str(snippets).lstrip("/") / "two.py" / "cpu").exists()


def test_stand_in_device_and_junit(snippets: Path, tmp_path: Path) -> None:
    pages = {str(snippets / "one.py"): ["docs/en/a.md:3"]}
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    (snippets / "bad.py").write_text("import torch\nassert torch.ones(1).device.type == 'cpu', 'not here'\n")
    pages[str(snippets / "bad.py")] = ["docs/en/b.md:7", "docs/en/b.md:9"]
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    run = verify(snippets, "--device", "meta", "--embedded-in", tmp_path / "pages.json", build=tmp_path / "build")
    assert run.code == 1
    one = run.result("one.py")
    assert (one["device"], one["device_name"], one["output"]) == ("meta", "meta", "(2, 3) meta\n")
    assert one["artifacts"][0].endswith("snippets/one.py/meta/table.csv")
    assert one["embedded_in"] == ["docs/en/a.md:3"]
    assert "shown on docs/en/b.md:7" in run.errors
    suite = ElementTree.parse(tmp_path / "build" / "verification.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("meta", "3", "1")
    failure = suite.find("testcase[@name='bad.py']/failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("not here", "AssertionError")


def test_all_devices_of_the_machine(snippets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a second device each snippet runs on both; the report keeps them and their files apart."""
    monkeypatch.setattr(environment, "device_names", lambda _: {"cpu": "a processor", "meta": "a stand-in"})
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own handlers
    report = tmp_path / "report.json"
    assert cli.main([str(snippets), "--device", "all", "--build", str(tmp_path), "--report", str(report)]) == 0
    results = json.loads(report.read_text())["results"]
    rows = [(Path(r["path"]).name, r["device"], r["device_name"], r["output"]) for r in results]
    both = [("cpu", "a processor", "(2, 3) cpu\n"), ("meta", "a stand-in", "(2, 3) meta\n")]
    assert rows == [(name, *of_device) for name in ("one.py", "two.py") for of_device in both]
    assert len({artifact for result in results for artifact in result["artifacts"]}) == 4


def test_device_that_is_not_there(snippets: Path, tmp_path: Path) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has what the test wants to miss")
    run = verify(snippets, "--device", "cuda", build=tmp_path / "build")
    assert run.code == 2
    assert {result["status"] for result in run.report["results"]} == {"skipped"}
    assert run.result("one.py")["error"]["message"] == "no CUDA device on this machine"
    assert "0 passed, 0 failed, 2 skipped" in run.errors


def test_repeat_finds_what_differs(tmp_path: Path) -> None:
    files = [FAULTS / name for name in ("differs.py", "harmless.py")]
    run = verify(*files, "--repeat", 2, build=tmp_path / "build")
    assert run.code == 1
    assert run.result("harmless.py")["status"] == "passed"
    assert run.result("differs.py")["status"] == "output"
    assert run.result("differs.py")["error"]["type"] == "OutputDiffers"


@pytest.mark.parametrize(("name", "status"), [("time.csv", "output"), ("time-measured.csv", "passed")])
def test_repeat_lets_only_declared_measurements_differ(tmp_path: Path, name: str, status: str) -> None:
    file = tmp_path / "clock.py"
    file.write_text(f"import pathlib, time\n\npathlib.Path({name!r}).write_text(str(time.time_ns()))\n")
    run = verify(file, "--repeat", 2, build=tmp_path / "build")
    assert run.result("clock.py")["status"] == status


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so does all that is started by it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interruption(interruptible: None, tmp_path: Path, end: signal.Signals) -> None:
    """However the verifier ends, nothing it started goes on; what had passed is kept."""
    build = tmp_path / "build"
    files = [FAULTS / name for name in ("harmless.py", "sleep_ignoring_signals.py", "orphan_in_new_session.py")]
    arguments = command(*files, "--build", build, "--jobs", 2)
    with subprocess.Popen(arguments, cwd=ROOT, env=surroundings(), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "harmless.py" in line:
                    break
            time.sleep(0.3)
            assert survivors(build)
            process.send_signal(end)
            _, rest = process.communicate(timeout=60)
        finally:
            process.kill()
    code = process.returncode
    if end != signal.SIGKILL:
        assert code == 130
        assert "interrupted" in rest
        assert not (build / "cache" / "verify" / "run").exists()
    deadline = time.monotonic() + 60
    while survivors(build) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert survivors(build) == []
    again = verify(FAULTS / "harmless.py", build=build)
    assert again.code == 0
    assert again.result("harmless.py")["cached"]


def test_second_verifier_waits_and_says_so(snippets: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    lock = build / "cache" / "verify" / "lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        process = subprocess.Popen(
            command(snippets, "--device", "cuda", "--build", build), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        assert "another verifier is at work" in process.stderr.readline()
        assert process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["pyproject.toml"], "not a .py file"),
        (["docs/theme"], "no .py file in this folder"),
        (["snippets", "--shard", "3/2"], "give I/N"),
        (["snippets", "--shard", "x"], "give I/N"),
        (["--jobs", "0"], "must be at least 1"),
        (["--timeout", "-1"], "must be above 0"),
        (["--timeout", "nan"], "must be above 0"),
        (["--device", "abacus"], "invalid choice"),
        (["snippets", "--embedded-in", "pyproject.toml"], "not a mapping"),
        (["--merge", "nowhere.json"], "nowhere.json"),
        (["--merge", "pyproject.toml"], "not JSON"),
    ],
)
def test_bad_call(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    run = verify(*(tmp_path / "empty" if a == "docs/theme" else a for a in arguments), build=tmp_path / "build")
    assert run.code == 2
    assert message in run.errors
    assert "Traceback" not in run.errors
    assert run.report == {}


def test_terminal_shows_a_bar_and_obeys_no_snippet(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(FAULTS / "escape_sequences.py", FAULTS / "harmless.py", "--build", tmp_path),
        cwd=ROOT, env=surroundings() | {"TERM": "xterm"}, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # how a terminal of Linux ends
        pass
    assert process.wait(60) == 1
    assert "━".encode() in shown
    assert b"1 passed, 1 failed, 0 skipped" in shown
    assert b"\x1b]0;title" not in shown


def test_shards_together_are_the_whole(snippets: Path, tmp_path: Path) -> None:
    """Two shards, verified one after the other, merge into one report; one alone does not."""
    reports = [tmp_path / "build" / f"{index}.json" for index in (1, 2)]
    for index, report in enumerate(reports, 1):
        run = verify(snippets, "--shard", f"{index}/2", "--report", report, build=tmp_path / "build")
        assert run.code == 0
    alone = verify("--merge", reports[0], build=tmp_path / "build")
    assert alone.code == 2
    assert "is in no shard" in alone.errors
    both = verify("--merge", *reports, build=tmp_path / "build")
    assert both.code == 0
    assert [Path(result["path"]).name for result in both.report["results"]] == ["one.py", "two.py"]
    assert "2 passed, 0 failed, 0 skipped" in both.errors
