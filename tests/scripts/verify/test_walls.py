"""What one snippet could leave to, read of, or do to another, to the verifier, or to this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.report import Report
from scripts.verify import Options, Session, engine, guards, jobs, session
from scripts.verify.discover import Snippet
from scripts.verify.engine import Engine, EngineError
from scripts.verify.jobs import Settings, make
from scripts.verify.seen import Seen
from tests.scripts.verify.calls import survivors, verify

NAMESPACES = guards.available()["processes"] == "namespace"
needs_namespaces = pytest.mark.skipif(not NAMESPACES, reason="this kernel lets this user make no namespaces")


def run(folder: Path, *, internals: bool = True, **snippets: str) -> dict[str, str]:
    """Run snippets one after the other, in order of name; the status of each, or how it failed."""
    (folder / "snippets").mkdir(exist_ok=True)
    for name, code in snippets.items():
        (folder / "snippets" / f"{name}.py").write_text(code)
    with Session(folder, Options(jobs=1, internals=internals)) as verifier:
        return said(verifier.report())


def said(report: Report) -> dict[str, str]:
    return {Path(r.path).stem: f"{r.error.type}: {r.error.message}" if r.error else r.status for r in report.results}


BEFORE = """
import os, resource

parent = os.getppid()
for act in (
    lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (20, 20)),
    lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
    lambda: os.sched_setscheduler(parent, os.SCHED_IDLE, os.sched_param(0)),
    lambda: os.sched_setaffinity(parent, {min(os.sched_getaffinity(0))}),
):
    try:
        act()
    except OSError:
        pass
"""
AFTER = """
import os, resource

assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 20, "limited"
assert os.getpriority(os.PRIO_PROCESS, 0) == {nice}, "slowed"
assert os.sched_getscheduler(0) == os.SCHED_OTHER, "idle"
assert len(os.sched_getaffinity(0)) == {processors}, "tied to one processor"
"""


@needs_namespaces
def test_a_snippet_cannot_slow_or_limit_the_next(tmp_path: Path) -> None:
    after = AFTER.format(nice=os.getpriority(os.PRIO_PROCESS, 0), processors=len(os.sched_getaffinity(0)))
    assert run(tmp_path, a=BEFORE, b=after) == {"a": "passed", "b": "passed"}


def answer(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        server.accept()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    """A socket as those of this machine's services, outside of every folder of a snippet."""
    place = tmp_path / "service"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        thread = threading.Thread(
            target=lambda: contextlib.suppress(OSError).__enter__() or server.accept(), daemon=True
        )
        thread.start()
        yield place


CONNECT = """
import ctypes, socket, struct

name = {name!r}.encode()
mine = socket.socket(socket.AF_UNIX)
address = struct.pack("H", socket.AF_UNIX) + name + b"\\0"
assert ctypes.CDLL(None).connect(mine.fileno(), address, len(address)) == 0, "refused"
"""


@needs_namespaces
def test_services_of_this_machine_cannot_be_reached_in_c(tmp_path: Path, service: Path) -> None:
    assert run(tmp_path, a=CONNECT.format(name=str(service))) == {"a": "AssertionError: refused"}


METADATA = """
import ctypes, os

libc = ctypes.CDLL(None)
name = {name!r}.encode()
assert libc.chmod(name, 0o4777) < 0, "mode"
assert libc.utimes(name, None) < 0, "times"
assert libc.setxattr(name, b"user.x", b"y", 1, 0) < 0, "attributes"
assert libc.inotify_add_watch(libc.inotify_init(), os.path.dirname(name), 0xFFF) < 0, "watched"
assert not os.path.lexists(name), "in sight"
"""


@needs_namespaces
def test_files_elsewhere_cannot_be_changed_or_watched_in_c(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "file"
    elsewhere.parent.mkdir()
    elsewhere.write_text("x")
    before = elsewhere.stat()
    code = METADATA.format(name=str(elsewhere))
    assert run(tmp_path, a=code) == {"a": "passed"}
    assert stat.S_IMODE(elsewhere.stat().st_mode) == stat.S_IMODE(before.st_mode)
    assert elsewhere.stat().st_mtime_ns == before.st_mtime_ns


SLEEPS = "import subprocess, time\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\ntime.sleep(600)"


@needs_namespaces
def test_the_end_of_a_supervisor_is_the_end_of_all_below_it(tmp_path: Path) -> None:
    """However it goes: the kernel ends the init of the namespaces, and that ends the rest."""
    file = tmp_path / "a.py"
    file.write_text(SLEEPS)
    settings = Settings(tmp_path, guards.available())
    job = make(0, Snippet("a.py", file, file.read_bytes()), "cpu", settings, tmp_path / "place", jobs.shown(settings))
    seen: list[Seen] = []

    def end_it() -> None:
        while not (running._slots and running._slots[0].pid and len(survivors(tmp_path)) >= 5):
            time.sleep(0.05)
        os.kill(running._slots[0].pid, signal.SIGSTOP)  # it clears nothing away itself
        os.kill(running._slots[0].pid, signal.SIGKILL)

    with Engine(1, tmp_path) as running:
        thread = threading.Thread(target=end_it)
        thread.start()
        running.run([job], lambda _, result: seen.append(result))
        thread.join()
    assert seen == [Seen()]
    assert survivors(tmp_path) == []


SPAWN = """
import torch


def work(rank: int) -> None:
    print("worker", rank, flush=True)


if __name__ == "__main__":
    torch.multiprocessing.spawn(work, nprocs=1)
"""


def test_processes_of_torch_can_be_spawned(tmp_path: Path) -> None:
    assert run(tmp_path, internals=False, a=SPAWN) == {"a": "passed"}


@pytest.mark.parametrize("whole", [True, False], ids=["nothing of the kernel", "landlock and seccomp alone"])
def test_without_namespaces_it_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(guards, "_succeeds", lambda action: False)
    if whole:
        monkeypatch.setattr(guards, "landlock_abi", lambda: 0)
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets" / "a.py").write_text(
        "import tempfile\nwith tempfile.TemporaryFile() as file:\n    file.write(b'x')"
    )
    (tmp_path / "snippets" / "b.py").write_text("open('/etc/shadow').read()")
    (tmp_path / "snippets" / "c.py").write_text("open('/var/tmp/verify-fault-was-here', 'w')")
    with Session(tmp_path, Options(jobs=1)) as verifier:
        report = verifier.report()
    assert (report.guards["processes"], report.guards["shared memory"]) == ("audit hook", "refused")
    found = said(report)
    assert found["a"] == "passed"
    assert found["c"].startswith("PermissionError")
    if not whole and guards.landlock_abi():
        assert found["b"].startswith("PermissionError")


def test_artifacts_of_one_snippet_are_never_those_of_another(tmp_path: Path) -> None:
    """``x.py`` and ``x/cpu.py`` both leave files; each verified again alone leaves the other's in peace."""
    code = "from pathlib import Path\nPath('table.csv').write_text('a')"
    (tmp_path / "x").mkdir()
    files = [tmp_path / "x.py", tmp_path / "x" / "cpu.py"]
    for file in files:
        file.write_text(code)
    left = [path for r in verify(*files, build=tmp_path / "build").report["results"] for path in r["artifacts"]]
    for file in files:
        verify(file, "--no-cache", build=tmp_path / "build")
        assert len(left) == 2
        assert all(Path(path).is_file() for path in left)


def test_a_link_is_refused_and_what_it_leads_to_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("tell nobody")
    (tmp_path / "leak.py").symlink_to("canary")
    (tmp_path / "good.py").write_text("print(1)")
    for paths in ([tmp_path], [tmp_path / "leak.py"]):
        done = verify(*paths, build=tmp_path / "build")
        assert done.code == 2
        assert "leak.py: a symbolic link" in done.errors
        assert "tell nobody" not in done.errors


def test_a_path_with_dots_stays_inside_the_build_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "x.py").write_text("from pathlib import Path\nPath('table.csv').write_text('a')")
    done = verify(tmp_path / "a" / "b" / ".." / ".." / "x.py", build=tmp_path / "build" / "deep")
    (result,) = done.report["results"]
    assert result["path"] == str(tmp_path / "x.py")
    assert Path(result["artifacts"][0]).resolve().is_relative_to(tmp_path / "build" / "deep")


def test_an_error_in_concluding_one_job_is_that_jobs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = session.run.outcome.conclude

    def conclude(snippet, *rest):
        if snippet.path.endswith("b.py"):
            raise RuntimeError("out of ideas")
        return real(snippet, *rest)

    monkeypatch.setattr(session.run.outcome, "conclude", conclude)
    found = run(tmp_path, a="print(1)", b="print(2)", c="print(3)")
    assert found["b"] == "VerifierError: the verifier failed to conclude: RuntimeError('out of ideas')"
    assert (found["a"], found["c"]) == ("passed", "passed")


def test_a_zygote_that_never_stays_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It forks what begins with torch alone, and dies over the other imports, each time."""
    monkeypatch.setattr(engine, "START", engine.START.replace("; main()", "; sys.modules['matplotlib'] = None; main()"))
    monkeypatch.setattr(engine, "START", "import os, signal, sys, threading; " + engine.START)
    dies = "threading.Timer(0.0, lambda: None); import scripts.verify.zygote as z; load = z._load; "
    dies += "z._load = lambda *m: load(*m) if m == ('torch',) else os._exit(9)"
    monkeypatch.setattr(engine, "START", engine.START.replace("sys.modules['matplotlib'] = None", dies))
    file = tmp_path / "a.py"
    file.write_text("import sklearn.datasets")
    settings = Settings(tmp_path, guards.available(kernel=False))
    job = make(0, Snippet("a.py", file, file.read_bytes()), "cpu", settings, tmp_path / "place", {})
    with Engine(1, tmp_path) as running, pytest.raises(EngineError, match="does not stay"):
        running.run([job], lambda job, seen: None)
