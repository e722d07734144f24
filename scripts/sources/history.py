"""When each file first came and last changed for its readers, from the history that git keeps."""

from __future__ import annotations

import subprocess
from pathlib import Path

UNREAD = "^asked: "  # lines that only the search reads


def dates(root: Path, folder: str) -> dict[str, tuple[str, str]]:
    """First and last commit of each file below ``folder``, as ISO 8601; nothing where there is no git history.

    A commit that changed nothing but what the search alone reads is no change.
    """
    command = ["git", "log", "--format=%x00%cI", "--numstat", "--no-renames", "-I", UNREAD, "--", folder]
    try:
        log = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, tuple[str, str]] = {}
    for commit in log.split("\0")[1:]:
        when, *lines = commit.split("\n")
        for added, removed, name in (line.split("\t") for line in lines if line):
            if (added, removed) != ("0", "0"):
                found[name] = (when, found[name][1] if name in found else when)
    return found
