"""A program that shows a fault may warn and end with an error; what it says so is a part of what it prints."""

from __future__ import annotations

import pytest

from tests.scripts.verify.calls import Run, verify

PROGRAMS = {
    "warns": 'import warnings\nprint("one")\nwarnings.warn("careful")\nprint("two")\n',
    "raises": 'import torch\nprint("one")\ntorch.ones(2) @ torch.ones(3)\n',
    "misspelt": 'print("one"\n',
    "turned": 'raise ValueError("\\u202e")\n',
    "hangs": "while True: pass\n",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("programs")
    for name, text in PROGRAMS.items():
        for role in ("broken", "fixed"):
            (folder / f"{role}_{name}.py").write_text(text)
    return verify(folder, "--timeout", 4, build=tmp_path_factory.mktemp("build"))


def test_warning_is_printed(run):
    row = run.result("broken_warns.py")
    assert (row["status"], row["output"]) == ("passed", "one\nUserWarning: careful\ntwo\n")
    assert run.result("fixed_warns.py")["status"] == "failed"


def test_error_is_the_last_line(run):
    row = run.result("broken_raises.py")
    assert row["status"] == "passed"
    assert row["output"].startswith("one\nRuntimeError: ")
    assert run.result("fixed_raises.py")["status"] == "failed"


@pytest.mark.parametrize(("name", "status"), [("misspelt", "failed"), ("turned", "output"), ("hangs", "timeout")])
def test_other_failures_stay_failures(run, name, status):
    assert run.result(f"broken_{name}.py")["status"] == status
