"""The live preview: what is edited is shown, nothing stale is, and a broken edit leaves what was shown before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import html

from tests.scripts.small_guide import edit, plant_whole, write

EN, ZH = "docs/en/demo/double.md", "docs/zh/demo/double.md"
SNIPPET = "snippets/demo/double/use.py"
PATIENCE = 120.0  # seconds until what does not come will never come; nothing is said of how fast it came


class Served(NamedTuple):
    """A preview at work: its tree, its address, and the file that takes what it complains of."""

    root: Path
    address: str
    complaints: Path

    def ask(self, name: str) -> str:
        with urllib.request.urlopen(self.address + name, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def wait(self, name: str, holds: Callable[[str], bool]) -> str:
        """The page as soon as it is as wanted."""
        return until(lambda: self.ask(name), holds)


def until(look: Callable[[], str], holds: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds(seen := look()):
            return seen
        time.sleep(0.05)
    raise AssertionError(f"never came; last seen:\n{seen[-3000:]}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A preview of a small guide."""
    root = plant_whole(tmp_path_factory.mktemp("guide"))
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    complaints = root / "complaints.txt"
    command = [sys.executable, "-m", "scripts.preview.serve", "0"]
    with complaints.open("w") as log:
        run = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert run.stdout is not None
        line = next((line for line in run.stdout if line.startswith("{")), "")
        assert line, complaints.read_text()
        yield Served(root, json.loads(line)["serving"], complaints)
    finally:
        run.terminate()
        run.communicate(timeout=60)


def text_of(page: str) -> str:
    return str(html.fromstring(page).xpath("//article")[0].text_content())


def test_page_shows_code_and_captured_output(served):
    page = served.ask("demo/double.html")
    assert "double of 2: 4" in html.fromstring(page).xpath('//div[@class="output"]')[0].text_content()
    assert "from snippets" not in page
    assert served.ask("zh/demo/double.html").count('class="katex"') == page.count('class="katex"') > 0


@pytest.mark.parametrize(
    ("file", "name", "old", "new"),
    [
        (EN, "demo/double.html", "Computes $2x$", "Yields twice the input, $2x$"),
        (ZH, "zh/demo/double.html", "计算 $2x$", "得到输入的两倍 $2x$"),
    ],
)
def test_edited_page_is_shown_with_nothing_stale(served, file, name, old, new):
    words, before = new.partition(" $")[0].rstrip(","), old.partition(" $")[0]
    assert before in text_of(served.ask(name))
    edit(served.root, file, old, new)
    text = text_of(served.wait(name, lambda page: words in page))
    edit(served.root, file, new, old)
    assert before not in text
    assert words not in text_of(served.wait(name, lambda page: words not in page))


def test_edited_snippet_is_verified_and_shows_its_new_output(served):
    edit(served.root, SNIPPET, '"double of 2:"', '"twice 2 is"')
    for name in ("demo/double.html", "zh/demo/double.html"):
        page = html.fromstring(served.wait(name, lambda page: "twice 2 is 4" in page))
        assert "double of 2" not in page.text_content()
        assert '"twice 2 is"' in page.xpath('//div[@id="code-double"]//pre/code')[0].text_content()
    assert '"twice 2 is"' in served.ask("snippets/demo/double.py")
    book = until(lambda: served.ask("snippets/demo/double.ipynb"), lambda text: "twice 2 is" in text)
    assert "double of 2" not in book


def test_what_other_pages_say_of_an_edited_one_is_shown(served):
    """The summary stands in the section's table, the title in the navigation of every page."""
    assert "Doubles its input." in served.ask("demo/index.html")
    edit(served.root, EN, "summary: Doubles its input.", "summary: Adds its input to itself.")
    page = served.wait("demo/index.html", lambda page: "Adds its input to itself." in page)
    assert "Doubles its input." not in page
    text = (served.root / EN).read_text(encoding="utf-8")
    renamed = text.replace("title: Double\n", "title: Doubling\n").replace("# Double\n", "# Doubling\n")
    write(served.root, EN, renamed)  # at once: a heading that is not the title is refused
    assert ">Doubling" in served.wait("papers.html", lambda page: "Doubling" in page)


def test_edited_template_is_shown_on_every_page(served):
    edit(served.root, "docs/theme/main.html", "{% block extrahead %}", '{% block extrahead %}<meta name="new">')
    for name in ("demo/double.html", "zh/index.html"):
        served.wait(name, lambda page: '<meta name="new">' in page)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (EN, "claim:linear", "claim:linaer", "has no test"),
        (SNIPPET, "return x + x", "return x + y", "NameError"),
        ("snippets/demo/double/evidence.py", 'savefig("double.svg")', 'savefig("duoble.svg")', "was drawn"),
    ],
)
def test_broken_edit_keeps_the_last_preview_and_names_the_place(served, file, old, new, words):
    before = served.ask("demo/double.html")
    said = served.complaints.read_text()
    line = edit(served.root, file, old, new)
    complaint = until(lambda: served.complaints.read_text()[len(said) :], lambda text: words in text)
    place = f"{file}:{line}:" if "evidence" not in file else f"{EN}:"
    assert place in complaint
    assert served.ask("demo/double.html") == before
    edit(served.root, file, new, old)
    edit(served.root, EN, "# Doubling\n", f"# Doubling\n\nMended {words}.\n")
    edit(served.root, ZH, "# 加倍\n", f"# 加倍\n\nMended {words}.\n")
    served.wait("demo/double.html", lambda page: f"Mended {words}." in page)


def test_open_page_hears_of_the_next_change_and_of_no_other(served):
    page = served.ask("demo/double.html")
    number = page.partition("/__changed?")[2].partition('"')[0]
    assert number.isdigit()
    assert served.ask(f"__changed?{int(number) - 1}") == number  # a change between rendering and listening
    edit(served.root, EN, "# Doubling\n", "# Doubling\n\nOnce more.\n")
    told = until(lambda: served.ask(f"__changed?{number}"), lambda answer: answer != number)
    assert int(told) > int(number)
    assert "Once more." in served.ask("demo/double.html")


def test_nothing_is_published(served):
    assert not (served.root / "site").exists()
