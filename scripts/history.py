"""When each file first came and last changed, from the history that git keeps."""

from __future__ import annotations

import subprocess
from pathlib import Path


def dates(root: Path, folder: str) -> dict[str, tuple[str, str]]:
    """First and last commit of each file below ``folder``, as ISO 8601; nothing where there is no git history."""
    command = ["git", "log", "--format=%x00%cI", "--name-only", "--no-renames", "--", folder]
    try:
        log = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, tuple[str, str]] = {}
    for commit in log.split("\0")[1:]:
        when, *names = commit.split("\n")
        for name in filter(None, names):
            found[name] = (when, found[name][1] if name in found else when)
    return found
