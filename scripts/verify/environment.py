"""This machine and its software: versions, devices, and a fingerprint of the verifier. Imports no torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

DEVICES = ("cpu", "cuda", "mps")
HERE = Path(__file__).parent
# What only finds snippets, hands them out, keeps verdicts or shows them is not among these.
DECISIVE = (
    *("artifacts.py", "audit.py", "failure.py", "guards.py", "imports.py", "jobs.py", "matplotlibrc"),
    *("namespaces.py", "outcome.py", "preload.py", "procs.py", "refusals.py", "seen.py", "supervisor.py"),
    *("syscalls.py", "verdict.py", "worker.py", "zygote.py"),
)
_PACKAGES = ("numpy", "matplotlib", "scikit-learn")  # what evidence snippets use beside torch
_ASK = """
import json, torch
found = {}
if torch.cuda.is_available(): found["cuda"] = torch.cuda.get_device_name()
if torch.backends.mps.is_available(): found["mps"] = "Apple " + __import__("platform").machine()
print(json.dumps(found))
"""


def version(package: str) -> str:
    """Installed version, or ``none``."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


@cache
def versions() -> dict[str, str]:
    """Everything installed that a verdict depends on."""
    packages = {name: version(name) for name in _PACKAGES}
    return {"torch": version("torch"), "python": platform.python_version(), **packages}


@cache
def fingerprint() -> str:
    """Hash of those of the verifier's own files that can change a verdict: what runs a snippet, and what judges it."""
    digest = hashlib.sha256()
    for name in DECISIVE:
        digest.update(name.encode() + b"\0" + (HERE / name).read_bytes())
    return digest.hexdigest()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """Model name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def device_names(cache_file: Path) -> dict[str, str]:
    """Name of every device of this machine that torch can use; ``cpu`` always.

    Torch is asked only where the machine could have an accelerator, in a process of its own, and its answer is kept
    until torch or the device files change.
    """
    found = {"cpu": cpu_name()}
    nodes = sorted(str(path) for pattern in ("nvidia[0-9]*", "kfd", "dxg") for path in Path("/dev").glob(pattern))
    if not nodes and sys.platform != "darwin":
        return found
    question = json.dumps([version("torch"), sys.executable, nodes, os.environ.get("CUDA_VISIBLE_DEVICES")])
    try:
        kept = json.loads(cache_file.read_text())
        if kept["question"] == question:
            return found | kept["answer"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, timeout=120, check=False)
    try:
        answer = json.loads(asked.stdout)
    except ValueError:
        return found
    cache_file.parent.mkdir(parents=True, exist_ok=True)
    cache_file.write_text(json.dumps({"question": question, "answer": answer}))
    return found | answer
