"""What a worker is told: the snippet, its places, its limits, and the environment that it runs in."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from scripts.verify import guards, namespaces
from scripts.verify.discover import ROOT, Snippet
from scripts.verify.preload import preload

MATPLOTLIBRC = Path(__file__).with_name("matplotlibrc")
# What a snippet may know of its caller: nothing that could be a secret.
ARITHMETIC = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")  # how a CPU rounds: tools.other_cpus sets them
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SYSTEMROOT", *ARITHMETIC)


@dataclass(frozen=True)
class Settings:
    """What of the command line a verdict depends on, and where things lie. Memory and disk are in GiB."""

    build: Path
    guards: dict[str, str]
    timeout: float = 60.0
    memory: float = 4.0
    disk: float = 0.25
    repeat: int = 1
    jobs: int = 1

    @property
    def folder(self) -> Path:
        """Where verdicts, and what is slow to compute, are kept."""
        return self.build / "cache" / "verify"

    @property
    def home(self) -> Path:
        """Where the zygote keeps what is slow to compute, such as matplotlib's list of fonts."""
        return self.folder / "home"


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know, in types that pass through JSON. Memory and disk are in bytes."""

    number: int
    file: str
    sha256: str
    imports: list[str]
    preload: list[str]
    device: str
    timeout: float
    memory: int
    disk: int
    guards: dict[str, str]
    cwd: str
    writable: list[str]
    environment: dict[str, str]
    readable: list[str]
    shown: dict[str, str]  # see guards.shown
    companions: list[list[str]]  # module, file and hash of what it may import of the repository
    is_broken: bool = False  # what it warns of is a part of what it prints
    hidden: list[str] = field(default_factory=list)  # modules of the verifier, which a snippet must not find


def make(number: int, snippet: Snippet, device: str, settings: Settings, place: Path, shown: dict[str, str]) -> Job:
    """The job of one snippet, whose own folders will lie in ``place``. ``shown`` is that of all; see :func:`shown`."""
    file = str(snippet.file)
    beside = [[each.module, str(snippet.file.parents[3] / each.path), each.sha256] for each in snippet.companions]
    private = {name: str(place / name) for name in ("cwd", "tmp", "home")}
    return Job(
        number,
        file,
        hashlib.sha256(snippet.content).hexdigest(),
        snippet.imports,
        preload([snippet]),
        device,
        settings.timeout,
        int(settings.memory * 2**30),
        int(settings.disk * 2**30),
        settings.guards,
        private["cwd"],
        list(private.values()),
        {
            "HOME": private["home"],
            "TMPDIR": private["tmp"],
            "TORCHINDUCTOR_CACHE_DIR": f"{private['tmp']}/inductor",
        },
        [*_readable(settings), file, *(each[1] for each in beside)],
        shown | namespaces.plan([file, *(each[1] for each in beside)]) if shown else {},
        beside,
        snippet.is_broken,
    )


def shown(settings: Settings) -> dict[str, str]:
    """What every snippet finds in its file system, where it has one of its own."""
    return guards.shown(settings.guards, _readable(settings))


def _readable(settings: Settings) -> list[str]:
    return [*sorted(libraries()), str(settings.home), str(MATPLOTLIBRC)]


def libraries() -> set[str]:
    """Where Python and what it can import lie; the repository itself is not among it, nor anything above it."""
    importable = {str(Path(entry).absolute()) for entry in sys.path if entry}
    return {sys.prefix, sys.base_prefix} | {entry for entry in importable if not ROOT.is_relative_to(entry)}


def environment(folder: Path) -> dict[str, str]:
    """The scrubbed environment of the zygote; ``folder`` keeps what is slow to compute, such as lists of fonts."""
    fixed = {
        "HOME": "/nonexistent",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(folder),
        "MATPLOTLIBRC": str(MATPLOTLIBRC),
        "SOURCE_DATE_EPOCH": "0",
        "TZ": "UTC",
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",  # they would lie in a folder that snippets share
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compilers that outlives its snippet
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    return {name: os.environ[name] for name in KEPT if name in os.environ} | fixed | threads
