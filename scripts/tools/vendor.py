"""Brings the vendored front-end files to the versions that vendor.json names, from their npm packages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.problems import ROOT

LIST = Path(__file__).with_suffix(".json")
# KaTeX's style sheet names font files of older formats too, which are not shipped.
OLD_FONTS = re.compile(rb',url\([^)]*\.(?:woff|ttf)\) format\("\w+"\)')


def fetch(package: str, version: str, folder: Path) -> Path:
    """Download the package with npm into ``folder`` and return its archive.

    Raises:
        RuntimeError: when npm is missing or fails.
    """
    try:
        done = subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise RuntimeError("npm is needed to update vendored files: install Node.js") from None
    if done.returncode:
        raise RuntimeError(f"npm could not fetch {package}@{version}: {done.stderr.strip()}")
    return folder / done.stdout.split()[-1]


def unpack(archive: Path, files: dict[str, str], root: Path) -> list[str]:
    """Copy the wanted files of the archive to their places; returns where they went.

    Raises:
        RuntimeError: when the package holds none of a wanted name.
    """
    written: list[str] = []
    with tarfile.open(archive) as package:
        members = {member.name.removeprefix("package/"): member for member in package if member.isfile()}
        for pattern, target in files.items():
            matching = [name for name in members if fnmatch(name, pattern)]
            if not matching:
                raise RuntimeError(f"{archive.name} holds no {pattern}; see scripts/vendor.json")
            for name in matching:
                place = target + PurePosixPath(name).name if target.endswith("/") else target
                stream = package.extractfile(members[name])
                data = stream.read() if stream else b""
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                (root / place).write_bytes(OLD_FONTS.sub(b"", data) if place.endswith(".css") else data)
                written.append(place)
    return written


def minify(path: Path, tool: str) -> None:
    """Let ``tool``, an npm package such as ``esbuild@0.25.12``, shorten a script in its place.

    Raises:
        RuntimeError: when it fails.
    """
    command = ["npx", "--yes", tool, str(path), "--minify", "--legal-comments=none", "--log-level=error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{tool} could not shorten {path.name}: {done.stderr.strip()}")
    path.write_text(done.stdout, encoding="utf-8")


def main(root: Path = ROOT) -> int:
    """Update every package of the list."""
    packages: dict[str, dict[str, Any]] = json.loads(LIST.read_text(encoding="utf-8"))
    try:
        for package, wanted in packages.items():
            with tempfile.TemporaryDirectory() as folder:
                written = unpack(fetch(package, wanted["version"], Path(folder)), wanted["files"], root)
            if tool := wanted.get("minify"):
                for place in written:
                    if place.endswith(".js"):
                        minify(root / place, tool)
            shortened = f" Shortened by {tool}." if tool else ""
            label = f"{package} {wanted['version']} (npm), {wanted['licence']}.{shortened} Updated by: make vendor\n"
            for parent in sorted({str(Path(place).parent) for place in written if not place.endswith(".woff2")}):
                (root / parent / "VERSION").write_text(label, encoding="utf-8")
            print(label.strip())
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
