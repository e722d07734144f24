"""The verifier's parts by themselves: splitting, merging, judging, sealing."""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.verify import artifacts, cache, discover, guards, merge, report, shard, verdict
from scripts.verify.discover import ROOT


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
    ran = [{"path": "a", "seconds": 3.0, "status": "passed", "cached": False}]
    shard.remember(file, {"a": 1.0, "b": 2.0}, [*ran, ran[0] | {"path": "b", "cached": True, "seconds": 9.0}])
    assert shard.durations(file) == {"a": 3.0, "b": 2.0}


def a_report(file: Path, rows: list[dict[str, Any]], torch: str = "2.13.0", **more: Any) -> Path:
    common = {"device": "cpu", "status": "passed", "sha256": "0", "torch": torch, "python": "3.11.7",
              "device_name": "x", "verified": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "output": "", "error": None,
              "cached": False, "artifacts": []}  # fmt: skip
    whole = report.make(
        [common | row for row in rows], torch=torch, python="3.11.7", seconds=1.0, started="2026-01-01T00:00:00+00:00",
        device_names={"cpu": "x"}, guards={"files": "landlock 7"}, **more,
    )  # fmt: skip
    report.write_json(whole, file)
    return file


def test_merge_joins_machines(tmp_path: Path) -> None:
    laptop = a_report(tmp_path / "cpu.json", [{"path": "a"}, {"path": "b"}])
    rack = a_report(tmp_path / "h100.json", [{"path": "a", "device": "cuda", "device_name": "H100"}], torch="2.14.0")
    merged = merge.merge([laptop, rack])
    assert merged["torch"] == "2.13.0, 2.14.0"
    assert [(r["path"], r["device"], r["torch"]) for r in merged["results"]] == [
        ("a", "cpu", "2.13.0"), ("a", "cuda", "2.14.0"), ("b", "cpu", "2.13.0"),
    ]  # fmt: skip
    report.write_json(merged, tmp_path / "all.json")
    assert merge.merge([tmp_path / "all.json", laptop])["results"] == merged["results"]


def test_merge_refuses_other_sources_by_name(tmp_path: Path) -> None:
    one = a_report(tmp_path / "one.json", [{"path": "snippets/a.py", "sha256": "1"}])
    two = a_report(tmp_path / "two.json", [{"path": "snippets/a.py", "sha256": "2", "device": "cuda"}])
    with pytest.raises(discover.BadCall, match=r"snippets/a\.py: .*one\.json and .*two\.json"):
        merge.merge([one, two])


@pytest.mark.parametrize("turn", [1, -1])
def test_merge_never_hides_a_failure(tmp_path: Path, turn: int) -> None:
    bad = a_report(tmp_path / "bad.json", [{"path": "a", "status": "failed"}])
    good = a_report(tmp_path / "good.json", [{"path": "a", "verified": "2027-01-01T00:00:00+00:00"}])
    assert merge.merge([bad, good][::turn])["results"][0]["status"] == "failed"


def test_merge_misses_a_shard(tmp_path: Path) -> None:
    first = a_report(tmp_path / "1.json", [{"path": "a"}], shard={"index": 1, "of": 2, "whole": ["a", "b"]})
    second = a_report(tmp_path / "2.json", [{"path": "b"}], shard={"index": 2, "of": 2, "whole": ["a", "b"]})
    assert len(merge.merge([first, second])["results"]) == 2
    with pytest.raises(discover.BadCall, match="b is in no shard"):
        merge.merge([first])


@pytest.mark.parametrize("content", ["[]", "{}", '{"results": [{}]}', "nonsense", '{"results": 3}'])
def test_merge_refuses_what_is_no_report(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(discover.BadCall, match=r"x\.json"):
        merge.merge([tmp_path / "x.json"])


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
    assert {"torch", "matplotlib.pyplot", "sklearn.datasets"} <= set(discover.preload([found]))
    assert "torch._dynamo" in discover.preload([snippet("a", b"torch.optim.SGD")])
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
    assert "torch._dynamo" in discover.preload([snippet("a", use.encode())])


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
    store.put("aa1", {"x": 1}, {"t.csv": b"1"})
    assert store.get("aa1") == ({"x": 1}, {"t.csv": b"1"})
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
