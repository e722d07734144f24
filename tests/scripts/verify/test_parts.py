"""The verifier's parts by themselves: splitting, merging, judging, sealing."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.report import BadReport, Error, Report, Result, Shard
from scripts.verify import (
    artifacts,
    cache,
    discover,
    engine,
    environment,
    files,
    guards,
    jobs,
    merge,
    preload,
    refusals,
    shard,
    verdict,
)
from scripts.verify.discover import ROOT
from scripts.verify.seen import Seen


def snippet(path: str, content: bytes = b"pass") -> discover.Snippet:
    return discover.Snippet(path, Path("/") / path, content)


@given(
    seconds=st.dictionaries(st.sampled_from("abcdefghijkl"), st.floats(0.01, 100), max_size=12),
    count=st.integers(1, 6),
)
def test_shards_are_a_partition(seconds: dict[str, float], count: int) -> None:
    all_of_them = [snippet(name) for name in "abcdefghijkl"]
    shards = [shard.split(all_of_them, index, count, seconds) for index in range(1, count + 1)]
    assert sorted(s.path for s in itertools.chain(*shards)) == sorted("abcdefghijkl")
    loads = [sum(seconds.get(s.path, shard.UNKNOWN) for s in part) for part in shards]
    longest = max(seconds.get(s.path, shard.UNKNOWN) for s in all_of_them)
    assert max(loads) - min(loads) <= longest + 1e-9  # what giving to the lightest shard guarantees


def test_durations_come_from_a_report_and_garbage_is_none(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    assert shard.durations(file) == {}
    file.write_text('{"results": [1]}')
    assert shard.durations(file) == {}
    rows = [{"path": "a", "seconds": 2, "status": "passed"}, {"path": "b", "seconds": 9, "status": "timeout"}]
    file.write_text(json.dumps({"results": rows}))
    assert shard.durations(file) == {"a": 2.0}


def test_durations_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    ran = [a_result(path="a", seconds=3.0), a_result(path="b", cached=True, seconds=9.0)]
    shard.remember(file, {"a": 1.0, "b": 2.0}, ran)
    assert shard.durations(file) == {"a": 3.0, "b": 2.0}


def a_result(**facts: Any) -> Result:
    """A result that passed, but for what is given; hashes may be short."""
    row = {"path": "a", "device": "cpu", "status": "passed", "sha256": "0", "torch": "2.13.0", "python": "3.11.7",
           "device_name": "x", "verified": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "output": "", "cached": False,
           "error": None} | facts  # fmt: skip
    if row["status"] != "passed":
        row["error"] = {"type": "ValueError", "message": "no", "line": 3}
    return Result.from_json(row | {"sha256": str(row["sha256"]).rjust(64, "0")})


def a_report(rows: list[dict[str, Any]], torch: str = "2.13.0", **more: Any) -> Report:
    shared = {"device_names": {"cpu": "x"}, "guards": {"files": "landlock 7"}, "platform": "here"} | more
    results = tuple(a_result(**{"torch": torch} | row) for row in rows)
    return Report(torch, "3.11.7", "2026-01-01T00:00:00+00:00", 1.0, results, **shared)


def written(folder: Path, name: str, report: Report) -> Path:
    files.write_json(report, folder / name)
    return folder / name


def merged(*reports: Report, stale: Literal["refuse", "drop"] = "refuse") -> Report:
    return merge.merge([(f"{number}.json", report) for number, report in enumerate(reports)], stale)


def test_merge_joins_machines(tmp_path: Path) -> None:
    laptop = a_report([{"path": "a"}, {"path": "b"}])
    rack = a_report([{"path": "a", "device": "cuda", "device_name": "H100"}], torch="2.14.0")
    both = merged(laptop, rack)
    assert both.torch == "2.13.0, 2.14.0"
    assert both.merged_from == ("0.json", "1.json")
    assert [(r.path, r.device, r.torch) for r in both.results] == [
        ("a", "cpu", "2.13.0"), ("a", "cuda", "2.14.0"), ("b", "cpu", "2.13.0"),
    ]  # fmt: skip
    reread = merge.read([written(tmp_path, "all.json", both)])
    assert reread == [("all.json", both)]
    assert merge.merge([*reread, ("laptop.json", laptop)]).results == both.results


def test_what_pages_show_is_this_machines_own() -> None:
    """Its torch stands first, whatever sorts before it, and its results rank first."""
    both = merged(a_report([{"path": "a"}]), a_report([{"path": "a"}], torch="2.10.0+cpu"))
    assert both.torch == "2.13.0, 2.10.0+cpu"
    assert [result.torch for result in both.passed("a")] == ["2.13.0", "2.10.0+cpu"]


def test_merge_refuses_other_sources_by_name() -> None:
    one = a_report([{"path": "snippets/a.py", "sha256": "1"}])
    two = a_report([{"path": "snippets/a.py", "sha256": "2", "device": "cuda"}])
    with pytest.raises(discover.BadCall, match=r"snippets/a\.py: 0\.json and 1\.json"):
        merged(one, two)


def test_of_a_committed_report_what_is_still_the_same_counts() -> None:
    """Written before, by another torch: the snippet that changed, and the one that is gone, were not run there."""
    own = a_report([{"path": "a"}, {"path": "b", "sha256": "2"}, {"path": "c"}])
    rows = [{"path": name, "device": "meta", "device_name": "meta"} for name in ("a", "b", "gone")]
    committed = a_report(rows, torch="2.9.1", device_names={"meta": "meta"})
    both = merged(own, committed, stale="drop")
    assert [(r.path, r.device) for r in both.results] == [("a", "cpu"), ("a", "meta"), ("b", "cpu"), ("c", "cpu")]
    assert both.torch == "2.13.0, 2.9.1"
    assert merged(own, a_report(rows[1:], torch="2.9.1"), stale="drop").torch == "2.13.0"  # nothing of it counts
    failing = a_report([{"path": "a", "device": "meta", "status": "failed"}])
    assert [r.status for r in merged(own, failing, stale="drop").results_of("a")] == ["passed", "failed"]


@pytest.mark.parametrize("turn", [1, -1])
def test_merge_never_hides_a_failure(turn: int) -> None:
    bad = a_report([{"path": "a", "status": "failed"}])
    good = a_report([{"path": "a", "verified": "2027-01-01T00:00:00+00:00"}])
    assert merged(*[bad, good][::turn]).results[0].status == "failed"


def test_merge_misses_a_shard() -> None:
    first = a_report([{"path": "a"}], shard=Shard(1, 2, ("a", "b")))
    second = a_report([{"path": "b"}], shard=Shard(2, 2, ("a", "b")))
    assert len(merged(first, second).results) == 2
    with pytest.raises(discover.BadCall, match="b is in no shard"):
        merged(first)


@pytest.mark.parametrize("content", ["[]", "{}", '{"results": [{}]}', "nonsense", '{"results": 3}', "[" * 100_000])
def test_merge_refuses_what_is_no_report(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(discover.BadCall, match=r"x\.json"):
        merge.read([tmp_path / "x.json"])


MALFORMED = [
    ("results", 3, "results: 3 is not of type list"),
    ("torch", "<b>2.9</b>", "torch: '<b>2.9</b>' is not of the form"),
    ("started", None, "started: None is not of type str"),
    ("device_names", {"cpu": 3}, "device_names: 3 is not of type str"),
    ("shard", {"index": 1}, "shard.of is missing"),
    ("results.0.path", 3, "results[0].path: 3 is not of type str"),
    ("results.0.path", "snippets/../../a.py", "results[0]: 'snippets/../../a.py' leads out of its folder"),
    ("results.0.artifacts", ["../a.svg"], "results[0]: '../a.svg' leads out"),
    ("results.0.python", "3.11\n<script>", "results[0].python: "),
    ("results.0.sha256", "abc", "results[0].sha256: 'abc' is not of the form"),
    ("results.0.seconds", float("nan"), "results[0].seconds: nan is not"),
    ("results.0.seconds", True, "results[0].seconds: True is not of type float"),
    ("results.0.status", "perfect", "results[0].status: 'perfect' is none of passed, failed"),
    ("results.0.status", "failed", "results[0]: a failed, which does not go with its error"),
    ("results.0.error", {"type": "x", "message": "y"}, "does not go with its error"),
    ("results.0.error", {"type": "x"}, "results[0].error.message is missing"),
    ("results.0.error", {"type": "x", "message": "y", "frames": [[1]]}, "error.frames: each must be a line"),
]


@pytest.mark.parametrize(("place", "value", "complaint"), MALFORMED, ids=[f"{m[0]} {m[1]}"[:40] for m in MALFORMED])
def test_a_malformed_report_is_refused_with_file_and_place(
    tmp_path: Path, place: str, value: object, complaint: str
) -> None:
    whole = a_report([{"path": "a"}]).to_json()
    *way, last = place.split(".")
    row: Any = whole
    for step in way:
        row = row[int(step) if step.isdigit() else step]
    row[last] = value
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps(whole))
    with pytest.raises(BadReport, match=rf"{re.escape(str(file))}: .*{re.escape(complaint)}"):
        Report.read(file)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    failed = Error("E", "why", 3, "x = 1", ((1, "<module>"), (3, "f")), "in thread t")
    rows = [a_result(artifacts=["build/a.svg"], embedded_in=["docs/en/a.md:3"]), replace(
        a_result(path="b"), status="failed", error=failed, stderr="!"
    )]  # fmt: skip
    whole = replace(a_report([]), results=tuple(rows), shard=Shard(1, 2, ("a", "b")), merged_from=("x.json",))
    assert Report.read(written(tmp_path, "x.json", whole)) == whole
    assert whole.results_of("b") == (rows[1],)
    assert whole.results_of("c") == ()


def test_fingerprint_covers_what_runs_and_judges_a_snippet_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a zygote imports of this package, and what judges; a comment in the progress bar changes nothing."""
    begun = {"zygote", "refusals", "verdict", "outcome", "jobs"}
    reached: set[str] = set()
    while begun:
        reached.add(name := begun.pop())
        for node in ast.walk(ast.parse((environment.HERE / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "scripts.verify":
                begun |= {alias.name for alias in node.names} - reached
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scripts.verify."):
                begun |= {str(node.module).rpartition(".")[2]} - reached
    finds = {"discover", "environment", "cache"}  # which files, on what machine, written how: in the key beside
    assert {name.partition(".")[0] for name in environment.DECISIVE} == reached - finds | {"matplotlibrc"}


def test_imports_are_found_in_every_kind_of_statement() -> None:
    code = """
if a:
    import one
elif b:
    import two
else:
    import three
try:
    import four
except E:
    import five
else:
    import six
finally:
    import seven
for x in y:
    import eight
else:
    import nine
while x:
    import ten
with x:
    import eleven
match x:
    case 1:
        import twelve
class C:
    async def f(self):
        async with x:
            import thirteen
try:
    pass
except* E:
    import fourteen
"""
    assert len(snippet("a", code.encode()).imports) == 14
    chain = "if a:\n    pass\n" + "elif a:\n    pass\n" * 500 + "else:\n    import deep\n"
    assert snippet("a", chain.encode()).imports == ["deep"]


def test_imports_and_preload() -> None:
    code = b"import torch\nfrom sklearn.datasets import load_digits\ndef f():\n    import matplotlib.pyplot as plt\n"
    found = snippet("a", code)
    assert "matplotlib.pyplot" in found.imports
    assert {"torch", "matplotlib.pyplot", "sklearn.datasets"} <= set(preload.preload([found]))
    assert "torch._dynamo" in preload.preload([snippet("a", b"torch.optim.SGD")])
    assert snippet("a", b"(").imports == []


FIRST_USES = [
    "torch.optim.SGD([weight], lr=0.1)",
    "torch.func.grad(torch.sum)(weight)",
    "torch.utils.checkpoint.checkpoint(torch.relu, weight, use_reentrant=False).sum().backward()",
    "with torch.profiler.profile(): weight + 1",
    "with torch.device('meta'): torch.nn.Linear(2, 2)(torch.ones(2))",
    "torch.autograd.gradcheck(torch.tanh, weight)",
    "torch.testing.assert_close(weight, weight)",
    "torch.use_deterministic_algorithms(True)",
    "torch.compile(torch.relu)",
]


@pytest.mark.parametrize("use", FIRST_USES)
def test_torch_dynamo_is_preloaded_for(use: str) -> None:
    assert "torch._dynamo" in preload.preload([snippet("a", use.encode())])


@pytest.mark.parametrize(("modules", "least", "most"), [("torch", 400, 2000), ("torch._dynamo", 0, 50)])
def test_torch_imports_much_on_first_use_unless_it_is_preloaded(modules: str, least: int, most: int) -> None:
    lines = ["import sys, torch, torch.utils.checkpoint", f"import {modules}", "before = len(sys.modules)"]
    lines += ["weight = torch.ones(2, dtype=torch.float64, requires_grad=True)", *FIRST_USES[:-1]]
    lines += ["print(len(sys.modules) - before)"]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(lines)]
    imported = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert least <= int(imported.stdout) <= most


def test_traced_line_prefers_the_current_thread() -> None:
    trace = (
        'Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n  File "/s.py", line 3 in work\n\n'
        'Current thread 0x2 (most recent call first):\n  File "/lib.py", line 1 in f\n  File "/s.py", line 9 in main\n'
        '  File "/s.py", line 12 in <module>\n\nExtension modules: numpy\n'
    )
    assert verdict.traced_line(trace, "/s.py") == 9
    assert verdict.traced_line(trace.replace("Current thread", "Thread"), "/s.py") == 3
    assert verdict.traced_line(trace, "/other.py") is None


def test_a_seal_belongs_to_its_key(tmp_path: Path) -> None:
    store = cache.Cache(tmp_path)
    store.put("aa1", a_result(), {"t.csv": b"1"})
    assert store.get("aa1") == (a_result(), {"t.csv": b"1"})
    (tmp_path / "verdicts" / "aa" / "aa2.json").write_bytes((tmp_path / "verdicts" / "aa" / "aa1.json").read_bytes())
    assert store.get("aa2") is None
    assert cache.Cache(tmp_path, enabled=False).get("aa1") is None
    (tmp_path / "seal").unlink()
    assert cache.Cache(tmp_path).get("aa1") is None


def test_write_atomically_leaves_no_rest(tmp_path: Path) -> None:
    cache.write_atomically(tmp_path / "x", b"1")
    with pytest.raises(TypeError):
        cache.write_atomically(tmp_path / "x", "text")  # type: ignore[arg-type]
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x", b"1")]


def test_publish_makes_the_folder_exact(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    artifacts.publish(folder, {"old.svg": b"1", "kept.svg": b"2"})
    before = (folder / "kept.svg").stat().st_mtime_ns
    assert artifacts.publish(folder, {"kept.svg": b"2", "new.svg": b"3"}) == [folder / "kept.svg", folder / "new.svg"]
    assert sorted(p.name for p in folder.iterdir()) == ["kept.svg", "new.svg"]
    assert (folder / "kept.svg").stat().st_mtime_ns == before
    artifacts.publish(folder, {})
    assert not folder.exists()


def test_a_tree_of_any_depth_and_mode_is_deleted(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "kept").write_text("x")
    fd = os.open(place, os.O_RDONLY)
    for number in range(3000):  # longer than any path may be
        os.mkdir("deep", dir_fd=fd)
        os.mkdir("beside", dir_fd=fd)
        os.symlink(tmp_path / "kept", f"link{number}", dir_fd=fd)
        inner = os.open("deep", os.O_RDONLY, dir_fd=fd)
        if number % 2:
            os.chmod("deep", 0o000, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    place.chmod(0o000)
    artifacts.remove_tree(place)
    artifacts.remove_tree(place)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    "said",
    [
        '{"at": "end", "seconds": "for ever"}',
        '{"at": "end", "seconds": 1e999}',
        '{"at": "end", "seconds": true}',
        '{"at": 3}',
        '{"at": "end", "guarded": 1}',
        '{"at": "error", "error": {"type": "E"}}',
        '{"at": "end", "error": {"type": "E", "message": "m"}}',
        "[]",
        "{",
        "[" * 100_000,
    ],
)
def test_a_forged_report_of_another_form_is_none(said: str) -> None:
    status, error, _ = verdict.judge(Seen(code=0, reports=(said,)), "/s.py", "x")
    assert status == "exited-early"
    assert error is not None
    assert error.type == "ExitedEarly"


def test_a_pass_needs_exit_code_0() -> None:
    end = ('{"at": "end", "seconds": 0.1}',)
    assert verdict.judge(Seen(code=0, reports=end), "/s.py", "x")[0] == "passed"
    for code in (1, 3, -9, None):
        assert verdict.judge(Seen(code=code, reports=end), "/s.py", "x")[0] in ("exited-early", "crashed")


@pytest.mark.parametrize("message", ["[]", "{}", '{"code": 0, "output": 3}', '{"code": "0"}'])
def test_what_no_supervisor_says_is_as_good_as_its_loss(message: str) -> None:
    assert engine._seen(json.loads(message)) == Seen()


def test_names_are_refused_as_they_are_reached() -> None:
    refused = ["import ctypes.util", "from os import _exit as leave", "import os as o\no.fork()", "from os import *"]
    refused += ["import importlib\nimportlib.import_module('gc')", "import sys\ngetattr(sys, '_getframe')()"]
    refused += ["x.__traceback__.tb_frame", "import inspect\ninspect.stack()", "def f():\n    import ctypes"]
    allowed = ["import os\nos.getpid()", "gc = 1\nprint(gc)", "model.code.x", "import inspect\ninspect.signature(f)"]
    allowed += ["code = 3\ncode.real", "import torch\ntorch._C", "x = 'ctypes'"]
    assert [code for code in refused if not refusals.refusal(code.encode())] == []
    assert [code for code in allowed if refusals.refusal(code.encode())] == []


@pytest.mark.parametrize("name", ["numpy.f2py.__main__", "torch.utils.collect_env", "matplotlib.tests", "antigravity"])
def test_only_known_modules_are_imported_beforehand(name: str) -> None:
    assert preload.preload([snippet("a", f"import {name}".encode())]) == ["torch"]


def test_where_this_machine_is_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert jobs.environment(tmp_path)["TZ"] == "UTC"


def test_key_depends_on_everything() -> None:
    facts = {"snippet": "1", "torch": "2"}
    assert cache.Cache.key(**facts) == cache.Cache.key(**dict(reversed(facts.items())))
    assert cache.Cache.key(**facts) != cache.Cache.key(**(facts | {"torch": "3"}))


def test_without_the_kernel_everything_is_left_to_the_hook() -> None:
    assert set(guards.available(kernel=False).values()) == {"audit hook", "refused"}


def test_matplotlib_settings_are_understood_and_reproducible(tmp_path: Path) -> None:
    import matplotlib as mpl

    file = Path(discover.ROOT) / "scripts" / "verify" / "matplotlibrc"
    settings = mpl.rc_params_from_file(file, use_default_template=False)
    assert settings["svg.fonttype"] == "none"
    assert settings["text.color"] == "#1f1f1f" or mpl.colors.to_hex(settings["text.color"]) == "#1f1f1f"
    looks = {(step["color"], step["linestyle"]) for step in settings["axes.prop_cycle"]}
    assert len(looks) == 8
    assert struct.calcsize("<Qi") == 12  # the kernel's packed landlock_path_beneath_attr
    assert len(hashlib.sha256(file.read_bytes()).hexdigest()) == 64


OLDER_TORCH = """
import atexit, sys, tempfile, types
from scripts.verify import worker

older = types.ModuleType("instantiator")
older._TEMP_DIR = tempfile.TemporaryDirectory(dir=sys.argv[1])
older._TEMP_DIR._finalizer.atexit = False  # as the zygote does with all that imports left
atexit.register(older._TEMP_DIR.cleanup)
sys.modules["torch.distributed.nn.jit.instantiator"] = older
if sys.argv[2] == "leave":
    worker.leave_to_the_zygote()
"""


@pytest.mark.parametrize(("act", "left"), [("leave", 1), ("nothing", 0)])
def test_a_fork_leaves_the_folder_of_older_torch_alone(tmp_path: Path, act: str, left: int) -> None:
    """torch 2.9 makes one when it is imported and removes it when Python ends: in each fork, were it not for us."""
    command = [sys.executable, "-W", "ignore", "-c", OLDER_TORCH, str(tmp_path), act]
    subprocess.run(command, cwd=ROOT, check=True)
    assert len(list(tmp_path.iterdir())) == left
