"""Live preview: watches the sources, shows what changed, reloads the open page."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts import memory
from scripts.preview import Preview
from scripts.problems import ROOT
from scripts.stage import Stage

ADDRESS = ("127.0.0.1", 8000)
WATCHED = ("docs", "snippets", "tests/snippets", "mkdocs.yml", "mkdocs.zh.yml")
INTERVAL = 0.2  # seconds between two looks at the files
RELOAD = (
    '<script>(async()=>{{for(;;)if(await(await fetch("/__changed?{0}")).text()!=="{0}")location.reload()}})()</script>'
    "</body>"
)


class Handler(SimpleHTTPRequestHandler):
    """Serves the preview; HTML pages get a line that reloads them, and ``/__changed?N`` answers after a change."""

    def __init__(self, preview: Preview, *arguments: object) -> None:
        self.preview = preview
        super().__init__(*arguments, directory=str(preview.folder))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer a request."""
        preview = self.preview
        if self.path.startswith("/__changed?"):
            seen = self.path.partition("?")[2]
            with preview.changed:
                preview.changed.wait_for(lambda: str(preview.number) != seen, timeout=20)
                self._answer(str(preview.number).encode(), "text/plain")
            return
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        number = preview.number  # before rendering, so that no change is missed
        if path.suffix == ".html":
            preview.page(path)
        found = preview.file(path)
        if found is None:
            self.send_error(404)
        elif path.suffix == ".html":
            page = found.read_text(encoding="utf-8").replace("</body>", RELOAD.format(number))
            self._answer(page.encode(), "text/html; charset=utf-8")
        else:
            self._answer(found.read_bytes(), self.guess_type(str(found)))

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
    """Each watched file, relative to ``root``, and when it changed last."""
    found: dict[str, int] = {}
    folders = [name for name in WATCHED if (root / name).is_dir()]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders += [name] if entry.name != "__pycache__" else []
                else:
                    found[name] = entry.stat().st_mtime_ns
    return found | {name: (root / name).stat().st_mtime_ns for name in WATCHED if (root / name).is_file()}


def watch(root: Path, act: Callable[[set[str]], object]) -> None:
    """Call ``act`` with the names of the files after every change, for ever."""
    before = stamps(root)
    while True:
        time.sleep(INTERVAL)
        try:
            now = stamps(root)
        except FileNotFoundError:  # an editor is replacing the file just now
            continue
        if now != before:
            changed = {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
            before = now
            act(changed)


def main(port: int = ADDRESS[1], root: Path = ROOT) -> int:
    """Build the preview, serve it, and follow changes until interrupted."""
    preview = Preview(root)
    server = ThreadingHTTPServer((ADDRESS[0], port), partial(Handler, preview))
    server.daemon_threads = True
    try:
        with memory.kept(Stage(root).remembered, write=False):
            preview.update()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"serving": f"http://{ADDRESS[0]}:{server.server_port}/"}), flush=True)
        watch(root, preview.update)
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
        preview.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ADDRESS[1]))
