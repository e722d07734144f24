"""The tools beside the build: the link check, and the verifier with another torch."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

from scripts.tools import compared, links, other_cpus, other_seeds, torch_versions, widths
from scripts.verify import jobs
from tests.support import networks


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_links(site: str) -> None:
    catalog = [
        {"id": "a", "papers": [{"key": "one", "title": "t", "url": f"{site}/200", "archive": f"{site}/404"}]},
        {"id": "b", "papers": [{"key": "two", "url": f"{site}/403", "archive": f"{site}/200"}]},
        {"id": "c", "papers": []},
    ]
    assert links.check(catalog, links.ask) == [f"- `one`: <{site}/404> answers 404"]


def test_a_link_is_dead_only_when_it_stays_dead() -> None:
    answers = iter(["down", None])
    assert links.persistent("x", lambda _: next(answers), pauses=(0, 0)) is None
    assert links.persistent("x", lambda _: "down", pauses=(0, 0)) == "down"


def test_link_check_without_a_catalogue(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert links.main([]) == 2
    assert links.main([str(tmp_path / "nothing.json")]) == 2
    assert "usage" in capsys.readouterr().err
    (tmp_path / "catalog.json").write_text("[]")
    assert links.main([str(tmp_path / "catalog.json")]) == 0


def test_other_cpus_are_tried_in_a_copy(tmp_path: Path) -> None:
    """What git knows is copied, what is gone goes, and the verdicts of before stay."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in ("one.py", "docs/two.md", "gone.py", "unknown.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    subprocess.run(["git", "add", "one.py", "docs", "gone.py"], cwd=tmp_path, check=True)
    folder = other_cpus.copy(tmp_path, "not-x86")
    (folder / "build").mkdir()
    (folder / "build" / "claims.json").write_text("{}")
    (tmp_path / "gone.py").unlink()
    (tmp_path / "one.py").write_text("changed")
    assert other_cpus.copy(tmp_path, "not-x86") == folder
    files = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert files == {"one.py": "changed", "docs/two.md": "docs/two.md", "build/claims.json": "{}"}


def test_other_cpus_reach_the_verifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a processor is emulated by is handed on to the snippets' processes, and part of a verdict's key."""
    names = {name for settings in other_cpus.CPUS.values() for name in settings}
    assert names == set(jobs.ARITHMETIC)
    for name in names:
        monkeypatch.setenv(name, "default")
    assert names <= set(jobs.environment(tmp_path))


def test_unknown_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        other_cpus.main(["vax"])
    assert "no processor is called vax; there are older-x86, not-x86" in capsys.readouterr().err


def test_every_way_to_set_a_seed_is_shifted(tmp_path: Path) -> None:
    """In experiments, claims and helpers, and not in planted bugs; nothing else changes, and no line moves."""
    code = (
        "torch.manual_seed(0)\nx = Generator(device=d).manual_seed(\n    seed,\n)\nmanual_seed(1), default_rng(s)\n"
        "split(x, random_state=3), KMeans(random_state=None)\nseeds(4), random.seed(é := 5), default_rng()\n"
    )
    wanted = (
        "torch.manual_seed(7 + (0))\nx = Generator(device=d).manual_seed(\n    7 + (seed),\n)\n"
        "manual_seed(7 + (1)), default_rng(7 + (s))\nsplit(x, random_state=7 + (3)), KMeans(random_state=None)\n"
        "seeds(4), random.seed(7 + (é := 5)), default_rng()\n"
    )
    assert other_seeds.shifted(code, 7) == wanted
    places = ["snippets/optimizers/sgd/a.py", "snippets/checklist/nan/a.py", "tests/snippets/a.py", "tests/site/a.py"]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text("manual_seed(1)\n")
    other_seeds.shift(tmp_path, 7)
    texts = [(tmp_path / place).read_text() for place in places]
    assert texts == ["manual_seed(7 + (1))\n", "manual_seed(1)\n", "manual_seed(7 + (1))\n", "manual_seed(1)\n"]


def test_torch_versions_pins_what_the_lock_file_pins() -> None:
    wanted = torch_versions.requirements("2.9.1")
    assert wanted[0] == "torch==2.9.1"
    assert torch_versions.requirements("newest")[0] == "torch"
    assert all("==" in line for line in wanted)


@pytest.mark.parametrize("arguments", [[], ["latest"], ["2.9; rm -rf /"], ["--help"]])
def test_torch_versions_refuses_nonsense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert torch_versions.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


NARROW = """
import pytest

def helper():
    for x in range(3):
        pass

def test_one(): assert True
def test_loops():
    assert all(x for x in [1])
def test_by_helper(): helper()
@pytest.mark.parametrize("x", [1, 2])
def test_cases(x): assert x
"""


def test_claims_that_may_be_too_wide_are_those_whose_test_tries_one_thing():
    assert widths._narrow(NARROW) == {"one"}


def test_a_comparison_of_networks_is_recorded_and_printed():
    """What :func:`same_logits` compared, when it passed: a row with both counts and both differences."""
    networks.compared.clear()
    networks.same_logits(lambda: nn.Linear(3, 2), lambda: nn.Linear(3, 2), shape=(4, 3))
    (found,) = networks.compared
    assert compared.line("resnet", found) == "| resnet | Linear | torch.Linear | 8 | 8 | 4×3 | 0e+00 | 0e+00 |"
    with pytest.raises(AssertionError):
        networks.same_logits(lambda: nn.Linear(3, 2), lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU()), shape=(4, 3))
    assert len(networks.compared) == 1
    networks.compared.clear()
