"""What benches need and the site does not: npm packages under build/bench, a browser, a real nginx."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from scripts.problems import ROOT
from scripts.tools import chromium as browsers

FOLDER = ROOT / "build" / "bench"
SITE = ROOT / "site"


class Missing(Exception):
    """A tool that a bench cannot do without; the message says which, and how to get it."""


def site() -> Path:
    """The folder of the published site.

    Raises:
        Missing: when nothing is published.
    """
    if not (SITE / "index.html").is_file():
        raise Missing("there is no site/: run `make site` first")
    return SITE


def chromium() -> str:
    """Path of a Chromium.

    Raises:
        Missing: when there is none.
    """
    path = browsers.installed()
    if path is None:
        raise Missing("no Chromium (Debian: apt-get install chromium), nor is one named by CHROMIUM")
    return path


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(browsers.FLAGS))
        yield opened
        opened.close()


def npm(name: str, version: str) -> Path:
    """The folder of an npm package, installed under build/bench when it is not there; its install scripts do not run.

    Raises:
        Missing: without node and npm, or when the registry gives nothing.
    """
    folder = FOLDER / "tools" / name
    package = folder / "node_modules" / name
    manifest = package / "package.json"
    if manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8"))["version"] == version:
        return package
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing(f"npm's {name} {version} needs node and npm (Debian: apt-get install nodejs npm)")
    folder.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"]
    command.append(f"{name}@{version}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"npm could not install {name} {version}: {done.stderr.strip()[-400:]}")
    return package


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def files_of(folder: Path) -> Iterator[str]:
    """A plain file server; yields its address, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextmanager
def nginx(folder: Path, work: Path) -> Iterator[str]:
    """A real nginx that serves the site in ``folder`` as its own nginx.conf says; ``work`` is for nginx's files.

    Yields:
        Its address, which ends in a slash.

    Raises:
        Missing: without nginx, or when it does not begin to listen.
    """
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    program = shutil.which("nginx", path=os.pathsep.join(places))
    if program is None:
        raise Missing("no nginx (Debian: apt-get install nginx-light)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    work.mkdir(parents=True, exist_ok=True)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {work}/{kind};" for kind in kinds)
    # One process: root's workers would be another user's, who may not read a checkout in a private folder.
    (work / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {work}/pid; error_log {work}/error.log;\nevents {{}}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; include {folder}/nginx.conf; }} }}\n"
    )
    served = subprocess.Popen([program, "-p", str(work), "-c", "nginx.conf"])
    try:
        _listening(port, served)
        yield f"http://127.0.0.1:{port}/"
    finally:
        served.terminate()
        served.wait(10)


def _listening(port: int, served: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
            if served.poll() is not None:
                break
    raise Missing("nginx does not start with the site's nginx.conf")


def load() -> str:
    """What to know of a measured time: how many others wanted the machine."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
