"""Live preview: watches the sources, renders what changed, reloads the open page.

A preview, not a proof: changed snippets are verified, claims show their last results, and nothing is published.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts import build, claims, inspect_catalog, render
from scripts import catalog as catalogs
from scripts.generate import STAGE, generate
from scripts.problems import ROOT, BuildError, stop_on

ADDRESS = ("127.0.0.1", 8000)
WATCHED = ("docs", "snippets", "tests/snippets", "mkdocs.yml", "mkdocs.zh.yml")
INTERVAL = 0.3  # seconds between two looks at the files
RELOAD = (
    b'<script>(async()=>{for(let seen="";;){const now=await(await fetch("/__changed")).text();'
    b"if(seen&&now!==seen)location.reload();seen=now}})()</script></body>"
)


class Preview:
    """The rendered preview and its number, which grows with every change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "build" / "preview"
        self.number = 0
        self.changed = threading.Condition()

    def update(self) -> None:
        """Render what changed since the last time; say what is wrong and keep the last preview otherwise."""
        start = time.perf_counter()
        try:
            catalog = catalogs.load(self.root)
            stop_on(inspect_catalog.inspect(catalog))
            verification = build.verify(self.root, catalog, [], "cpu")
            written = generate(catalog, verification, claims.last(catalog))
        except BuildError as error:
            print(f"\n{error}\n", file=sys.stderr, flush=True)
            return
        self._touch(written)
        self._render()
        with self.changed:
            self.number += 1
            self.changed.notify_all()
        print(f"Preview updated in {time.perf_counter() - start:.1f} s", flush=True)

    def _touch(self, written: list[str]) -> None:
        """Make pages newer than their last rendering when a piece that they include changed."""
        for name in written:
            lang, _, rest = name.partition("/pieces/")
            if not rest:
                continue
            for page in (self.root / STAGE / lang / "docs").rglob("*.md"):
                if f'"{rest}"' in page.read_text(encoding="utf-8"):
                    page.touch()

    def _render(self) -> None:
        runs = []
        for lang in catalogs.LANGUAGES:
            folder = self.folder if lang == "en" else self.folder / lang
            command = [flag for flag in render.GENERATOR if flag not in ("--strict", "--config-file")]
            config = self.root / STAGE / lang / "mkdocs.yml"
            command += ["--dirty", "--quiet", "--site-dir", str(folder), "--config-file", str(config)]
            runs.append(subprocess.Popen(command, cwd=self.root, env=render.environment(self.root)))
        for run in runs:
            run.wait()
        shutil.copytree(self.root / STAGE / "files", self.folder, dirs_exist_ok=True)


class Handler(SimpleHTTPRequestHandler):
    """Serves the preview; HTML pages get a line that reloads them, and ``/__changed`` answers after a change."""

    def __init__(self, preview: Preview, *arguments: object) -> None:
        self.preview = preview
        super().__init__(*arguments, directory=str(preview.folder))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer a request."""
        path = Path(self.translate_path(self.path))
        if self.path == "/__changed":
            with self.preview.changed:
                self.preview.changed.wait(timeout=20)
                self._answer(str(self.preview.number).encode(), "text/plain")
            return
        path = path / "index.html" if path.is_dir() else path
        if path.suffix == ".html" and path.is_file():
            self._answer(path.read_bytes().replace(b"</body>", RELOAD), "text/html; charset=utf-8")
            return
        super().do_GET()

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def stamps(root: Path) -> dict[str, int]:
    """Each watched file and when it changed last."""
    files = [p for name in WATCHED for p in ((root / name).rglob("*") if (root / name).is_dir() else [root / name])]
    return {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


def watch(root: Path, act: Callable[[], None]) -> None:
    """Call ``act`` after every change, for ever."""
    before = stamps(root)
    while True:
        time.sleep(INTERVAL)
        try:
            now = stamps(root)
        except FileNotFoundError:  # an editor is replacing the file just now
            continue
        if now != before:
            before = now
            act()


def main() -> int:
    """Build the preview, serve it, and follow changes until interrupted."""
    preview = Preview(ROOT)
    preview.update()
    server = ThreadingHTTPServer(ADDRESS, partial(Handler, preview))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"serving": f"http://{ADDRESS[0]}:{ADDRESS[1]}/"}), flush=True)
    try:
        watch(ROOT, preview.update)
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
