"""Finds a Chromium for the tests of the built site, or installs one, or says plainly that it could not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking")


def installed() -> str | None:
    """Path of a Chromium: $CHROMIUM, one on the PATH, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            own = playwright.chromium.executable_path
        return own if Path(own).exists() else None
    except Exception:  # Playwright raises its own errors; none of them finds a browser
        return None


def install() -> bool:
    """Try the system's packages, then Playwright's download. True when one of them worked."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways.insert(0, ["sh", "-c", "apt-get update -qq && apt-get install -y -qq chromium"])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for way in ways:
        done = subprocess.run(way, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0 and installed():
            return True
    return False


def main() -> int:
    """Say which browser the tests will use; 1 when there is none and none can be had."""
    found = installed()
    if found is None:
        print("No Chromium found; installing one for the browser tests.", flush=True)
        found = installed() if install() else None
    if found is None:
        print(
            "The tests of the built site need Chromium, and it could not be installed here.\n"
            "Install it (Debian: apt-get install chromium; elsewhere: .venv/bin/playwright install chromium),\n"
            "or name one: CHROMIUM=/path/to/chrome make test",
            file=sys.stderr,
        )
        return 1
    print(f"Browser tests use {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
