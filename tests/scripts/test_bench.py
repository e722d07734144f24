"""The runner of the benches; what they measure is no test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.bench import __main__ as runner
from scripts.bench import lighthouse, search, tools, weight


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
