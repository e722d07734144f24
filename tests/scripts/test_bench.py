"""The runner of the benches; what they measure is no test."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.bench import __main__ as runner
from scripts.bench import entry, lighthouse, search, tools, weight
from scripts.rows import BadReport


def test_every_bench_is_run_and_every_name_is_a_bench():
    folder = Path(runner.__file__).parent
    found = {path.stem for path in folder.glob("[a-z]*.py") if "def main(" in path.read_text(encoding="utf-8")}
    assert found == set(runner.NAMES)


def test_a_bench_that_lacks_a_tool_says_so_and_the_others_run(monkeypatch, capsys):
    def lacking(options: list[str]) -> int:
        raise tools.Missing("no such tool")

    benches = {"scripts.bench.search": lacking, "scripts.bench.weight": lambda options: print("weighed") or 0}
    monkeypatch.setattr(runner, "import_module", lambda name: SimpleNamespace(main=benches[name]))
    assert runner.main(["search", "weight"]) == 1
    said = capsys.readouterr().out
    assert "NOT MEASURED: no such tool" in said
    assert "weighed" in said
    assert runner.main(["weight"]) == 0


def test_a_bench_of_a_guide_that_was_not_built_says_what_to_do(monkeypatch, capsys):
    def unbuilt(options: list[str]) -> int:
        raise BadReport("build/verification.json: No such file or directory")

    monkeypatch.setattr(runner, "import_module", lambda name: SimpleNamespace(main=unbuilt))
    assert runner.main(["entry"]) == 1
    assert "build first: make site" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["no-such-bench"], ["search", "weight", "--runs", "1"], ["--runs", "1"]])
def test_a_bad_call_is_refused(arguments):
    with pytest.raises(SystemExit, match="2"):
        runner.main(arguments)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("optimizers/adam.html#pitfalls", "optimizers/adam.html"),
        ("./index.html", "index.html"),
        ("/pagefind/zh/optimizers/adam.html", "optimizers/adam.html"),
    ],
)
def test_a_result_counts_by_its_page(url, page):
    assert search._page(url) == page


def test_shares_count_places():
    engine = search.Engine("one", 1, {"a": ["x", "y"], "b": ["y", "z", "w", "x"]}, [1.0, 2.0])
    assert search.shares(engine, [("a", ["x"]), ("b", ["w", "q"])]) == (0.5, 1.0)
    assert search.shares(engine, [("b", ["x"])]) == (0.0, 0.0)


def test_a_page_weighs_what_it_and_its_files_weigh(tmp_path):
    figure = '<figure class="evidence"><svg>' + "".join(f"<path d='{n * 7919 % 997}'/>" for n in range(300)) + "</svg>"
    (tmp_path / "a.html").write_text(f"<p>text</p>{figure}</figure>")
    (tmp_path / "b.css").write_text("p{}" * 1000)
    (tmp_path / "c.woff2").write_bytes(b"x" * 500)
    weights = weight.weigh(tmp_path, "a.html", {"a.html", "b.css", "c.woff2"})
    assert weights["fonts"] == 500
    assert 0 < weights["css"] < 300
    assert weights["figures"] > 10 * weights["html"] > 0
    assert weights["js"] == weights["other"] == 0


def test_lighthouse_names_what_lowered_a_category():
    audit = {"title": "Tap targets", "score": 0, "scoreDisplayMode": "binary"}
    category = {"score": 0.97, "auditRefs": [{"id": "target-size", "weight": 7}]}
    report = {"audits": {"target-size": audit}, "categories": {"accessibility": category}}
    assert lighthouse.scores([report], "accessibility") == [97]
    assert lighthouse.below([report]) == {"accessibility: Tap targets": 1}
    audit["score"] = 1
    assert not lighthouse.below([report])


def test_the_cost_of_an_entry_is_held_against_both_aims():
    def costs(one: float, all_: float) -> list[entry.Cost]:
        return [entry.Cost("verify", one / 2, all_ / 2, "here"), entry.Cost("claims", one / 2, all_ / 2, "there")]

    assert entry.table(costs(6.0, 1900.0)).endswith("met")
    assert entry.table(costs(6.1, 1900.0)).endswith("MISSED")
    assert entry.table(costs(6.0, 1901.0)).endswith("MISSED")


def test_what_only_the_larger_guide_has_is_shared_over_its_entries(monkeypatch):
    found = {0: (100, dict.fromkeys(entry.STAGES, 10.0)), 250: (250, dict.fromkeys(entry.STAGES, 40.0))}
    monkeypatch.setattr(entry, "measured", lambda entries: found[entries])
    for cost in entry.of_stages(250):
        assert cost.one == pytest.approx(30 / 150)
        assert cost.all == pytest.approx(40 + 50 * 0.2)


def test_processor_seconds_of_grandchildren_count():
    work = "import time; end = time.process_time() + {0}\nwhile time.process_time() < end: pass\ninput()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work.format(0.5)!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as run:
        deadline = time.monotonic() + 60
        while sum(entry.below(run.pid).values()) < 0.5 and time.monotonic() < deadline:
            time.sleep(0.05)
        found = entry.below(run.pid)
    assert len(found) == 2
    assert sum(found.values()) >= 0.5
