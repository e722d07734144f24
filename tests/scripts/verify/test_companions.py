"""An experiment imports its own room's files and ``snippets/experiment.py``, by the bytes that were read; no more."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from scripts import companions
from scripts.sources import snippets
from scripts.verify import guards, imports
from scripts.verify.discover import discover
from tests.scripts.verify.calls import verify

SHARED = 'def shared() -> str:\n    return "shared"\n'
USE = 'def used() -> int:\n    return 1\n\n\nif __name__ == "__main__":\n    print("not on import")\n'
BOTH = "from snippets.demo.double.use import used\nfrom snippets.experiment import shared\n"
EVIDENCE = f'{BOTH}\nif __name__ == "__main__":\n    print(used(), shared())\n'


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "snippets" / "demo" / "double"
    (tmp_path / "snippets" / "demo" / "other").mkdir(parents=True)
    folder.mkdir(parents=True)
    (tmp_path / "snippets" / "experiment.py").write_text(SHARED)
    (tmp_path / "snippets" / "demo" / "other" / "use.py").write_text(USE)
    (folder / "use.py").write_text(USE)
    (folder / "evidence.py").write_text(EVIDENCE)
    return folder


def test_an_experiment_imports_them_and_runs_again_when_they_change(room: Path, tmp_path: Path) -> None:
    build, file = tmp_path / "build", room / "evidence.py"
    first = verify(file, build=build).result("evidence.py")
    assert (first["status"], first["output"].strip(), first["cached"]) == ("passed", "1 shared", False)
    assert verify(file, build=build).result("evidence.py")["cached"]
    (tmp_path / "snippets" / "experiment.py").write_text(SHARED.replace('"shared"', '"another"'))
    again = verify(file, build=build).result("evidence.py")
    assert (again["output"].strip(), again["cached"]) == ("1 another", False)
    assert again["sha256"] != first["sha256"]
    (room / "use.py").write_text(USE.replace("1", "2"))
    assert verify(file, build=build).result("evidence.py")["output"].strip() == "2 another"


def test_both_halves_of_the_build_name_the_same_bytes(room: Path, tmp_path: Path) -> None:
    ours = {snippet.path: snippet.sha256 for snippet in snippets.load(tmp_path)}
    theirs = {found.file.relative_to(tmp_path).as_posix(): found.sha256 for found in discover([str(tmp_path)])}
    assert ours == theirs, "what all experiments share is no snippet of its own"
    alone = hashlib.sha256((room / "use.py").read_bytes()).hexdigest()
    assert ours["snippets/demo/double/use.py"] == alone
    assert ours["snippets/demo/double/evidence.py"] != hashlib.sha256(EVIDENCE.encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("evidence.py", "import snippets.demo.other.use"),
        ("evidence.py", "import snippets.demo.double.evidence"),
        ("evidence.py", "import scripts.verify"),
        ("evidence.py", "import snippets.demo.double.use\nimport snippets.demo.other.use"),
        ("use.py", "import snippets.experiment"),
        ("from_scratch.py", "from snippets.demo.double.use import used"),
    ],
)
def test_nothing_else_can_be_imported(room: Path, tmp_path: Path, name: str, code: str) -> None:
    (room / name).write_text(code + "\n")
    error = verify(room / name, build=tmp_path / "build").result(name)["error"]
    assert error["type"] == "ModuleNotFoundError"
    assert error["line"] == code.count("\n") + 1


def test_a_sections_index_imports_what_it_compares(room: Path, tmp_path: Path) -> None:
    index = tmp_path / "snippets" / "demo" / "index"
    index.mkdir()
    (index / "evidence.py").write_text("import snippets.demo.double.use\nimport snippets.demo.other.use\n")
    assert verify(index / "evidence.py", build=tmp_path / "build").result("evidence.py")["status"] == "passed"
    (index / "use.py").write_text("import snippets.demo.double.use\n")
    error = verify(index / "use.py", build=tmp_path / "build").result("use.py")["error"]
    assert error["type"] == "ModuleNotFoundError"


def test_what_a_snippet_may_not_hold_no_companion_may(room: Path, tmp_path: Path) -> None:
    (tmp_path / "snippets" / "experiment.py").write_text(f"import ctypes\n\n\n{SHARED}")
    error = verify(room / "evidence.py", build=tmp_path / "build").result("evidence.py")["error"]
    assert error["type"] == "Refused"
    assert error["message"].startswith("snippets/experiment.py, line 1: ")


@pytest.mark.skipif(not guards.available()["files"].startswith("landlock"), reason="this kernel has no Landlock")
def test_an_experiment_reads_nothing_beside_them(room: Path, tmp_path: Path) -> None:
    (room / "secret.txt").write_text("secret")
    look = 'import snippets.demo.double.use as beside\nopen(beside.__file__.replace("use.py", "secret.txt"))\n'
    (room / "evidence.py").write_text(look)
    error = verify(room / "evidence.py", build=tmp_path / "build").result("evidence.py")["error"]
    assert error["type"] in ("PermissionError", "FileNotFoundError")


def test_a_companion_that_changed_since_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "experiment.py"
    file.write_text(SHARED)
    finder = imports.Companions([["snippets.experiment", os.fspath(file), "0" * 64]])
    assert finder.find_spec("snippets.experiment") is not None
    assert finder.find_spec("snippets.other") is None
    with pytest.raises(ValueError, match="changed since the verifier read it"):
        finder.exec_module(type(os)("snippets.experiment"))


def test_a_link_is_no_companion(room: Path, tmp_path: Path) -> None:
    (room / "use.py").unlink()
    (room / "use.py").symlink_to(tmp_path / "snippets" / "demo" / "other" / "use.py")
    found = companions.of(tmp_path, "snippets/demo/double/evidence.py", EVIDENCE.encode())
    assert [companion.module for companion in found] == ["snippets.experiment"]
