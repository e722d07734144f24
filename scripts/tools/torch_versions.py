"""One cell of the matrix on this machine: ``python -m scripts.tools.torch_versions 2.9.1 [arguments of the verifier]``.

Makes a virtual environment with that torch and what the verifier and evidence snippets need, in the versions of the
lock file where it names them, and verifies there. The report is ``build/verification-torch-2.9.1.json``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

from scripts.problems import ROOT

NEEDED = ("numpy", "matplotlib", "scikit-learn", "filelock", "rich")


def requirements(torch: str) -> list[str]:
    """What to install for one version of torch; ``newest`` for the newest there is."""
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text()))
    pins = [f"{name}=={locked[name]}" if name in locked else name for name in NEEDED]
    return ["torch" if torch == "newest" else f"torch=={torch}", *pins]


def prepare(torch: str) -> Path:
    """The Python of the cell's environment, made when it is missing."""
    folder = ROOT / f".venv-torch-{torch}"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements(torch)], check=True)
        done.touch()
    return python


def main(arguments: list[str]) -> int:
    """Verify with the torch of the first argument; the exit code is the verifier's."""
    if not arguments or not re.fullmatch(r"newest|\d+(\.\d+)+", arguments[0]):
        print(
            "usage: python -m scripts.tools.torch_versions VERSION|newest [arguments of the verifier]", file=sys.stderr
        )
        return 2
    torch, *rest = arguments
    try:
        python = prepare(torch)
    except subprocess.CalledProcessError as error:
        print(f"verify: torch {torch} cannot be installed (pip ended with {error.returncode})", file=sys.stderr)
        return 2
    report = [] if "--report" in rest else ["--report", f"build/verification-torch-{torch}.json"]
    return subprocess.run([python, "-m", "scripts.verify", *rest, *report], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
