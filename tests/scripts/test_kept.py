"""What an earlier build found out is taken over while nothing that it depends on changed."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from scripts import memory
from scripts.publish import archive, check
from scripts.render import kept


def site(root: Path) -> Path:
    """A site of two pages, of which one links to the other."""
    root.mkdir(exist_ok=True)
    for name, body in (("a.html", '<a href="b.html#here">b</a>'), ("b.html", '<p id="here">b</p>')):
        (root / name).write_text(f"<!doctype html><html><body><article>{body}</article></body></html>")
    return root


def test_a_link_that_breaks_is_seen_although_its_page_did_not_change(tmp_path):
    root = site(tmp_path / "site")
    with memory.kept(tmp_path / "cache"):
        assert not list(check.check(root, ""))
    text = (root / "b.html").read_text()
    (root / "b.html").write_text(text.replace("here", "there"))
    assert [problem.message for problem in check.check(root, "")] == ["dead link: b.html has no place #here"]
    (root / "b.html").unlink()
    assert [problem.message for problem in check.check(root, "")] == ["dead link to b.html"]


@pytest.mark.parametrize(
    ("address", "public", "dead"),
    [
        ("../site/b.html", "", True),
        ("./b.html", "", False),
        ("/b.html", "", False),
        ("/guide/b.html", "https://host.example/guide/", False),
        ("/b.html", "https://host.example/guide/", True),
        ("folder/", "", False),
        ("folder", "", False),
        (archive.ARCHIVE, "", False),
        ("", "", False),
    ],
)
def test_where_a_link_leads(tmp_path, address, public, dead):
    root = site(tmp_path)
    (root / "folder").mkdir()
    shutil.copy(root / "b.html", root / "folder" / "index.html")
    (root / "a.html").write_text((root / "a.html").read_text().replace("b.html#here", address))
    assert bool(list(check.check(root, public))) == dead


def test_copies_are_of_the_files_as_they_are(tmp_path):
    out, copies = tmp_path / "out", tmp_path / "gzip"
    out.mkdir()
    for text in ("one " * 1000, "two " * 1000, "two " * 1000):
        (out / "page.html").write_text(text)
        archive.pack(out, copies)
        assert gzip.decompress((out / "page.html.gz").read_bytes()).decode() == text
        assert len(list(copies.iterdir())) == 1
        for made in (out / "page.html.gz", out / archive.ARCHIVE):
            made.unlink()


def test_files_alike_are_compressed_once(tmp_path, monkeypatch):
    """Both editions hold the same scripts under the same names: two threads would write one file."""
    out, done = tmp_path / "out", []
    for edition in ("en", "zh", "other"):
        (out / edition).mkdir(parents=True)
        (out / edition / "script.js").write_text("the same " * 1000)

    def compress(data: bytes, **options: int) -> bytes:
        done.append(data)
        return b"compressed"

    monkeypatch.setattr(archive.gzip, "compress", compress)
    archive.pack(out, tmp_path / "gzip")
    assert len(done) == 1
    assert [(out / edition / "script.js.gz").read_bytes() for edition in ("en", "zh", "other")] == [b"compressed"] * 3


def test_an_edition_is_whole_only_when_each_page_is_there_as_it_would_be_made(tmp_path):
    folder, state = tmp_path / "en", tmp_path / "en.json"
    folder.mkdir()
    (folder / "a.html").write_text("a")
    now = {"a.md": "1"}
    assert not kept.whole(folder, state, now)
    kept.remember(state, now)
    assert kept.whole(folder, state, now)
    assert not kept.whole(folder, state, {"a.md": "2"})
    assert not kept.whole(folder, state, {**now, "b.md": "1"})
    assert not kept.whole(folder, state, {})
    (folder / "a.html").unlink()
    assert not kept.whole(folder, state, now)
