"""The whole way from sources to a published site, and a break at each stage of it.

A build that fails anywhere names file and line and leaves the published site as it was, to the byte.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from lxml import html

from scripts.build import STAGES
from scripts.problems import ROOT
from scripts.publish import policy
from scripts.publish.archive import ARCHIVE, EARLIEST
from scripts.report import Report
from scripts.rows import BadReport
from scripts.sources import checks
from scripts.sources.catalog import load
from tests.scripts.small_guide import EVIDENCE, SNIPPET, edit, plant_whole

ADDRESS = "https://guide.example/sub/"
EN, ZH = "docs/en/demo/double.md", "docs/zh/demo/double.md"


def build(root: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the build of the tree, as ``make site`` does."""
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "scripts.build", *options]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def state(site: Path) -> dict[str, str]:
    """Every file of the site and a hash of it."""
    return {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in site.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small guide, built once."""
    root = plant_whole(tmp_path_factory.mktemp("guide"))
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    """The same guide, for one test to spoil."""
    shutil.copytree(published, tmp_path / "guide", symlinks=True)
    return tmp_path / "guide"


@pytest.fixture(scope="module")
def public(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same guide, built for a public address."""
    root = tmp_path_factory.mktemp("public") / "guide"
    shutil.copytree(published, root, symlinks=True)
    done = build(root, SITE_URL=ADDRESS, SITE_URL_ZH=ADDRESS + "zh/")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def page(root: Path, name: str) -> html.HtmlElement:
    return html.fromstring((root / "site" / name).read_bytes())


@pytest.mark.parametrize("name", ["demo/double.html", "zh/demo/double.html"])
def test_page_shows_code_output_figure_and_proof(published, name):
    tree = page(published, name)
    code = tree.xpath('//div[@id="code-double"]//pre/code')[0]
    assert code.text_content().strip() == SNIPPET.strip()
    assert "double of 2: 4" in tree.xpath('//div[@id="code-double"]//div[@class="output"]')[0].text_content()
    (figure,) = tree.xpath('//figure[@class="evidence"]/svg')
    assert figure.get("aria-label") in ("a straight line", "一条直线")
    assert [cell.text for cell in tree.xpath('//details[@class="figure-data"]//td')] == ["0", "0", "1", "2"]
    (mark,) = tree.xpath('//a[@class="claim-mark"]')
    (proof,) = tree.xpath(f'//*[@id="{mark.get("href")[1:]}"]')
    assert "assert_close(double(x + y), double(x) + double(y))" in proof.text_content()
    facts = tree.xpath('//dl[@class="facts"]')[0].text_content()
    assert "torch.add" in facts
    assert facts.partition("A Paper")[0].count("2020") == 1, "the year of technique and paper, twice"
    assert "torch 2" in facts
    links = tree.xpath('//dl[@class="facts"]//a/@href')
    assert "https://arxiv.org/abs/2001.00001" in links
    assert "https://web.archive.org/web/https://arxiv.org/abs/2001.00001" in links


def test_page_for_unknown_addresses_leads_to_this_host(published):
    """There every address begins at the root; one that begins with two slashes would name another host."""
    for name, there in (("404.html", "/zh/index.html"), ("zh/404.html", "/index.html")):
        tree = page(published, name)
        assert tree.xpath('//a[contains(@class, "guide-language")]/@href') == [there]
        sections = tree.xpath("//article//li/a/@href")
        assert "/demo/index.html" in sections
        assert all(link.startswith("/") and not link.startswith("//") for link in sections)


def test_switch_stays_on_the_page_and_editions_name_each_other(published):
    for name, there in (("demo/double.html", "zh/demo/double.html"), ("zh/demo/double.html", "demo/double.html")):
        tree = page(published, name)
        (switch,) = tree.xpath('//a[contains(@class, "guide-language")]/@href')
        target = os.path.normpath(Path(name).parent / switch)
        assert target == there
        alternates = dict(
            zip(
                tree.xpath('//link[@rel="alternate translation"]/@hreflang'),
                tree.xpath('//link[@rel="alternate translation"]/@href'),
                strict=True,
            )
        )
        assert set(alternates) == {"en", "zh-Hans"}
        for address in alternates.values():
            assert (published / "site" / Path(name).parent / address).resolve().is_file()


def test_code_cell_of_a_notebook_runs_and_prints_what_the_page_shows(published, tmp_path):
    """As Jupyter runs it: in a module named ``__main__``, in a folder that knows nothing of the guide."""
    book = nbformat.read(published / "site/snippets/demo/double.ipynb", as_version=4)
    code = "".join(cell.source + "\n" for cell in book.cells if cell.cell_type == "code")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = page(published, "demo/double.html").xpath('string(//div[@id="code-double-output"]//code)')
    assert done.stdout.strip() == shown.strip() == "double of 2: 4"


def test_an_experiment_brings_the_files_that_it_imports(published, tmp_path):
    """By its notebook, whose cells write them first, and in the archive of all code, by the page's command."""
    book = nbformat.read(published / "site/snippets/demo/double_evidence.ipynb", as_version=4)
    *before, last = [cell.source for cell in book.cells if cell.cell_type == "code"]
    folder = tmp_path / "notebook"
    folder.mkdir()
    for cell in before:
        name, _, text = cell.partition("\n")
        if name.startswith("%%writefile "):
            (folder / name.removeprefix("%%writefile ")).write_text(text)
        else:
            subprocess.run([sys.executable, "-c", cell], cwd=folder, check=True)
    assert last == EVIDENCE.removesuffix("\n")
    subprocess.run([sys.executable, "-c", last], cwd=folder, check=True)
    assert (folder / "double.csv").read_text() == "x,y\n0,0\n1,2\n"
    bar = '//div[@id="code-double-evidence"]//p[@class="snippet-bar"]'
    with zipfile.ZipFile(published / "site/snippets.zip") as archive:
        archive.extractall(tmp_path / "all")
    for name in ("demo/double.html", "zh/demo/double.html"):
        tree = page(published, name)
        (address,) = tree.xpath(f'{bar}/a[@download="snippets.zip"]/@href')
        assert (published / "site" / Path(name).parent / address).resolve() == published / "site/snippets.zip"
        command = tree.xpath(f"string({bar}/code)").split()
        subprocess.run([sys.executable, *command[1:]], cwd=tmp_path / "all", check=True)
        assert (tmp_path / "all/double.csv").exists()
        (tmp_path / "all/double.csv").unlink()


@pytest.mark.parametrize("edition", ["", "zh/"])
@pytest.mark.parametrize("old", ["demo/twice.html", "sums/times-two.html"])
def test_old_address_of_a_renamed_entry_leads_to_it(published, edition, old):
    tree = page(published, edition + old)
    (refresh,) = tree.xpath('//meta[@http-equiv="refresh"]/@content')
    assert refresh.startswith("0; url=")
    for address in (
        refresh.removeprefix("0; url="),
        *tree.xpath("//a/@href"),
        *tree.xpath('//link[@rel="canonical"]/@href'),
    ):
        target = (published / "site" / edition / Path(old).parent / address).resolve()
        assert target == published / "site" / edition / "demo/double.html"
    assert not tree.xpath("//script")
    assert tree.xpath('//meta[@http-equiv="Content-Security-Policy"]')


def test_each_edition_has_its_own_search_index(published):
    english = json.loads((published / "site/search/search_index.json").read_text(encoding="utf-8"))
    chinese = json.loads((published / "site/zh/search/search_index.json").read_text(encoding="utf-8"))
    assert english != chinese


def test_downloads_are_what_the_page_shows(published):
    assert (published / "site/snippets/demo/double.py").read_text() == SNIPPET
    book = nbformat.read(published / "site/snippets/demo/double.ipynb", as_version=4)
    assert book.cells[1].source == SNIPPET.removesuffix("\n")
    assert "torch 2" in book.cells[0].source
    for link in re.findall(r"\]\((.*?)\)", book.cells[0].source):
        assert (published / "site/snippets/demo" / link).resolve().is_file(), link
    (entry,) = json.loads((published / "site/catalog.json").read_text(encoding="utf-8"))
    assert entry["title_zh"] == "加倍"
    assert entry["verified"][0]["device"] == "cpu"
    assert (published / "site" / entry["url_zh"]).is_file()
    text = (published / "site/demo/double.md").read_text(encoding="utf-8")
    assert f"```python\n{SNIPPET}```" in text
    assert "> Doubles its input." in text
    assert "[A Paper](https://arxiv.org/abs/2001.00001)" in text
    assert "Verified on: torch 2" in text
    assert "[the section](index.html)" in text


def test_without_a_public_address_no_map_claims_one(published):
    assert not list((published / "site").rglob("sitemap.xml*"))
    assert "Sitemap" not in (published / "site/robots.txt").read_text()


def test_a_public_address_stands_in_links_maps_and_feeds(public):
    root, address = public, ADDRESS
    for edition in ("", "zh/"):
        tree = page(root, f"{edition}demo/double.html")
        own = f"{address}{edition}demo/double.html"
        assert tree.xpath('//link[@rel="canonical"]/@href') == [own]
        assert tree.xpath('//meta[@property="og:url"]/@content') == [own]
        alternates = tree.xpath('//link[@rel="alternate translation"]')
        assert {link.get("hreflang"): link.get("href") for link in alternates} == {
            "en": f"{address}demo/double.html",
            "zh-Hans": f"{address}zh/demo/double.html",
        }
        assert f"<loc>{own}</loc>" in (root / "site" / edition / "sitemap.xml").read_text()
        assert f"Sitemap: {address}{edition}sitemap.xml\n" in (root / "site/robots.txt").read_text()
        feed = (root / "site" / edition / "feed.xml").read_text(encoding="utf-8")
        assert f'rel="self" href="{address}{edition}feed.xml"' in feed


def test_gzip_copies_are_the_files(published):
    copies = list((published / "site").rglob("*.gz"))
    assert len(copies) > 10
    for copy in copies:
        assert gzip.decompress(copy.read_bytes()) == copy.with_suffix("").read_bytes()


def test_nothing_changed_nothing_built(published):
    before = state(published / "site")
    done = build(published)
    assert done.stdout == "Nothing changed since site/ was published.\n"
    assert state(published / "site") == before


def test_a_build_is_the_same_when_repeated(published):
    before = state(published / "site")
    assert build(published, "--force").returncode == 0
    after = state(published / "site")
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    # The report says when it was written, MkDocs writes the day into its sitemaps, and the archive holds all three.
    dated = {"verification.json", "sitemap.xml", "zh/sitemap.xml"}
    assert {name.removesuffix(".gz") for name in changed} <= {*dated, ARCHIVE}


def test_the_archive_is_the_site(published):
    """The same files with the same bytes, all with the same date: no other reason for it to change than theirs."""
    with zipfile.ZipFile(published / "site" / ARCHIVE) as archive:
        held = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        assert {info.date_time for info in held.values()} == {EARLIEST}
        for name, info in held.items():
            assert archive.read(info) == (published / "site" / name).read_bytes(), name
    assert set(held) == {name for name in state(published / "site") if name != ARCHIVE and not name.endswith(".gz")}


# One break for each stage: (stage, file, old, new, file that is named, words of the message)
BREAKS = [
    ("sources", EN, "claim:linear", "claim:linaer", EN, "has no test"),
    ("sources", EN, "[@doe2020paper]", "[@nobody]", EN, "unknown paper"),
    ("sources", EN, "(index.md)", "(nowhere.md)", EN, "dead link"),
    ("verify", "snippets/demo/double/use.py", "int(double(", "int(duoble(", "snippets/demo/double/use.py", "NameError"),
    (
        "claims",
        "snippets/demo/double/use.py",
        "return x + x",
        "return x * x",
        "tests/snippets/demo/test_double.py",
        "test_linear failed",
    ),
    (
        "generate",
        "snippets/demo/double/evidence.py",
        "double.svg",
        "duoble.svg",
        EN,
        "no figure 'double.svg' was drawn",
    ),
    (
        "generate",
        "snippets/demo/double/evidence.py",
        'plt.savefig("double.svg")',
        'plt.xlabel("some words"); plt.savefig("double.svg")',
        ZH,
        "'some words' in double.svg has no Chinese twin",
    ),
    ("render", "docs/theme/main.html", "{% endblock %}", "{% endblok %}", "build/stage/en/mkdocs.yml", "endblok"),
    (
        "publish",
        "docs/theme/main.html",
        "{% block extrahead %}",
        '{% block extrahead %}<link rel="stylesheet" href="https://elsewhere.example/x.css">',
        "demo/double.html",
        "another host",
    ),
]


@pytest.mark.parametrize(
    ("stage", "file", "old", "new", "named", "words"), BREAKS, ids=[f"{b[0]}: {b[5]}" for b in BREAKS]
)
def test_broken_stage_names_the_place_and_keeps_the_old_site(published, stage, file, old, new, named, words):
    before = state(published / "site")
    original = (published / file).read_text(encoding="utf-8")
    line = edit(published, file, old, new)
    try:
        done = build(published)
    finally:
        (published / file).write_text(original, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert words in done.stderr
    assert f"{named}:" in done.stderr
    if named == file:
        assert f"{named}:{line}:" in done.stderr
    assert "site/ is as it was" in done.stderr
    assert state(published / "site") == before
    passed = [text.split()[0] for text in done.stdout.splitlines() if text.endswith(" s") and text[0].islower()]
    assert stage not in passed


RENDER = """
from pathlib import Path
from scripts import claims
from scripts.generate import Site, generate
from scripts.render import mkdocs
from scripts.report import Report
from scripts.sources.catalog import load
root = Path.cwd()
guide = load(root)
generate(Site(guide, Report.read(root / "build/verification.json"), claims.last(guide)))
mkdocs.render(root)
"""


def render(root: Path) -> dict[str, str]:
    """Generate and render the tree, with the verdicts of before; every rendered file and a hash of it."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", RENDER], cwd=root, env=environment, check=True)
    found = state(root / "build" / "out")
    return {name: digest for name, digest in found.items() if "sitemap.xml" not in name}  # MkDocs writes the day there


def test_what_is_kept_is_what_a_whole_rendering_gives(published):
    """After edits of a page, a title that every page shows, a snippet and its docstring, and a template."""
    edits = [
        (EN, "# Double\n", "# Double\n\nOne more sentence.\n"),
        (ZH, "title: 加倍", "title: 乘以二"),
        ("snippets/demo/double/use.py", '"""Twice ``x``', '"""Two times ``x``'),
        ("docs/theme/main.html", "{% block extrahead %}", '{% block extrahead %}<meta name="new">'),
        ("docs/zh/demo/index.md", "title: ", "hide: [toc]\ntitle: "),
    ]
    seen = [render(published)]
    try:
        for file, old, new in edits:
            edit(published, file, old, new)
            seen.append(render(published))
        for lang in ("en", "zh"):
            (published / "build" / "rendered" / f"{lang}.json").unlink()
        assert render(published) == seen[-1]
    finally:
        for file, old, new in edits:
            text = (published / file).read_text(encoding="utf-8")
            (published / file).write_text(text.replace(new, old), encoding="utf-8")
    assert all(before != after for before, after in itertools.pairwise(seen))
    assert render(published) == seen[0]


TITLE = 'Loss < 1 "quoted" & *starred* $x$'
SUMMARY = '"><script>alert(1)</script> [x](y) `c` </title>'
PAPER = '"><script>alert(1)</script> [x](y) *z*'


def test_words_are_shown_as_words_wherever_they_stand(published):
    """Titles, summaries, papers and foreign reports that would be HTML or Markdown if they were not escaped."""
    edits = [
        (EN, "title: Double\n", f"title: {json.dumps(TITLE)}\n"),
        (EN, "summary: Doubles its input.", f"summary: {json.dumps(SUMMARY)}"),
        (EN, "# Double\n", '# Loss < 1 "quoted" & \\*starred\\* \\$x\\$\n'),
        ("docs/papers.bib", "{A Paper}", f"{{{PAPER}}}"),
    ]
    originals = {file: (published / file).read_text(encoding="utf-8") for file, *_ in edits}
    report = published / "build/verification.json"
    verdicts = report.read_text(encoding="utf-8")
    for file, old, new in edits:
        edit(published, file, old, new)
    changed = json.loads(verdicts)
    for result in changed["results"]:
        result |= {"torch": "<script>1</script>", "python": "<script>2</script>"}
    with pytest.raises(BadReport):  # a foreign report that names no version never comes so far
        Report.from_json(changed)
    try:
        assert list(checks.inspect(load(published))) == []
        render(published)
        out = published / "build" / "out"
        trees = {path: html.fromstring(path.read_bytes()) for path in out.rglob("*.html")}
        copy = (published / "build/stage/en/markdown/demo/double.md").read_text(encoding="utf-8")
    finally:
        report.write_text(verdicts, encoding="utf-8")
        for file, text in originals.items():
            (published / file).write_text(text, encoding="utf-8")
        render(published)
    known = policy.theme_scripts()
    for path, tree in trees.items():
        inline = [script for script in tree.iter("script") if not script.get("src") and not script.get("type")]
        assert all(any(pattern.fullmatch(s.text) for pattern in known) for s in inline), path
    entry, section, papers = (trees[out / name] for name in ("demo/double.html", "demo/index.html", "papers.html"))
    assert entry.xpath("string(//title)") == f"{TITLE} - Deep Learning Guide"
    assert entry.xpath("//h1")[0].text_content().removesuffix("¶") == TITLE
    assert entry.xpath('//meta[@property="og:title"]/@content') == [TITLE]
    for name in ("description", "og:description"):
        assert entry.xpath(f'//meta[@name="{name}" or @property="{name}"]/@content') == [SUMMARY]
    structured = json.loads(entry.xpath('string(//script[@type="application/ld+json"])'))
    assert (structured["headline"], structured["description"]) == (TITLE, SUMMARY)
    assert structured["citation"][0]["name"] == PAPER
    assert entry.xpath('//dl[@class="facts"]//cite')[0].text_content() == PAPER
    assert entry.xpath('//p/a[@class="cite"]/@title') == [PAPER]
    row = section.xpath('//table[@class="comparison"]//tr[td]')[0]
    assert (row.xpath("string(td[1])"), row.xpath("string(td[5])")) == (TITLE, SUMMARY)
    assert papers.xpath('//cite[@id="doe2020paper"]')[0].text_content() == PAPER
    named = {link.text_content().strip() for link in section.xpath('//nav//a[contains(@href, "double.html")]')}
    spoken = section.xpath('//footer//a[contains(@href, "double.html")]/@aria-label')
    assert TITLE in named | {label.partition(": ")[2] for label in spoken}
    assert all("&amp;" not in label and "&lt;" not in label for label in spoken)
    assert trees[out / "reference/demo.html"].xpath('//h2[@id="double"]')[0].text_content().removesuffix("¶") == TITLE
    assert r'> "\>\<script\>alert(1)\</script\>' in copy


def test_only_what_changed_is_rendered(published):
    render(published)
    folder = published / "build" / "rendered"
    pages = sorted(folder.rglob("*.html"))
    for path in pages:
        path.write_text(path.read_text(encoding="utf-8").replace("</body>", "<!-- old --></body>"), encoding="utf-8")
    edit(published, EN, "# Double\n", "# Double\n\nOne more sentence.\n")
    try:
        render(published)
        new = {path.relative_to(folder).as_posix() for path in pages if "<!-- old -->" not in path.read_text()}
    finally:
        edit(published, EN, "# Double\n\nOne more sentence.\n", "# Double\n")
        for lang in ("en", "zh"):
            (folder / f"{lang}.json").unlink()
    assert new == {"en/demo/double.html", "en/404.html"}


def test_page_that_was_refused_is_refused_again(published):
    """The generator wrote the page before it complained; the next build must not take it for done."""
    line = edit(published, EN, "# Double\n", "# Double\n\n[nowhere](#nowhere)\n") + 2
    try:
        for _ in range(2):
            done = build(published)
            assert done.returncode == 1
            assert f"{EN}:{line}:" in done.stderr
            assert "nowhere" in done.stderr
    finally:
        edit(published, EN, "# Double\n\n[nowhere](#nowhere)\n", "# Double\n")


@pytest.mark.parametrize("during", ["claims.run(catalog)", "check.check(out, address)"])
def test_a_snippet_edited_while_the_build_runs_is_not_published(copy, during):
    """Its verdict is about other bytes; the stage that edits it here stands for a person who saves a file then."""
    before = state(copy / "site")
    save = "(root / 'snippets/demo/double/use.py').open('a').write('# edited\\n')"
    edit(copy, "scripts/build.py", during, f"({save}, {during})[1]")
    done = build(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "snippets/demo/double/use.py:1: it was edited while the build ran" in done.stderr
    assert state(copy / "site") == before


def test_a_verifier_that_crashes_leaves_no_report_to_publish_from(copy):
    before = state(copy / "site")
    old = "    found: dict"
    edit(copy, "scripts/verify/run.py", old, f"    raise MemoryError('of the verifier itself')\n{old}")
    done = build(copy, "--force")
    called = [sys.executable, "-m", "scripts.verify", "--build", str(copy / "build")]
    alone = subprocess.run(called, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "of the verifier itself" in done.stderr
    assert alone.returncode == 70
    assert "a fault of the verifier itself" in alone.stderr
    assert not (copy / "build/verification.json").exists()
    assert state(copy / "site") == before


def test_second_build_at_once_is_refused(published):
    from filelock import FileLock

    with FileLock(published / "build" / "build.lock"):
        done = build(published, "--force")
    assert done.returncode == 1
    assert "Another build runs" in done.stderr


def test_stages_know_nothing_of_later_ones():
    """The contract in pyproject.toml: the data flow has one direction, no module imports one of a later stage."""
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    stages = [stage for stage in reversed(layers) if stage.removeprefix("scripts.") in STAGES]
    assert [stage.removeprefix("scripts.") for stage in stages] == list(STAGES)


def test_help_and_readme_list_the_stages():
    """``STAGES`` is the one list: the README's picture names them in their order."""
    picture = (ROOT / "README.md").read_text(encoding="utf-8")
    assert " ─> ".join([*STAGES, "site/"]) in " ".join(picture.split())


def test_report_of_another_machine_is_published_beside_this_one(published, tmp_path):
    """A GPU machine proves what this one cannot: its rows stand in the table of the page."""
    report = json.loads((published / "build/verification.json").read_text(encoding="utf-8"))
    for result in report["results"]:
        result |= {
            "device": "cuda",
            "device_name": "Some GPU",
            "artifacts": [],
            "verified": "2026-01-02T03:04:05+00:00",
        }
    report["device_names"] = {"cuda": "Some GPU"}
    other = tmp_path / "gpu.json"
    other.write_text(json.dumps(report), encoding="utf-8")
    done = build(published, "--reports", str(other))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = page(published, "demo/double.html").xpath('//table[@class="runs"]')[0].text_content()
    assert "CUDA (Some GPU)" in runs
    assert "2026-01-02" in runs
    assert "CUDA: not run" not in page(published, "demo/double.html").text_content()


def test_report_of_other_sources_is_refused_by_name(published, tmp_path):
    report = json.loads((published / "build/verification.json").read_text(encoding="utf-8"))
    report["results"] = [r | {"device": "cuda", "sha256": "0" * 64} for r in report["results"] if r["device"] == "cpu"]
    other = tmp_path / "gpu.json"
    other.write_text(json.dumps(report), encoding="utf-8")
    before = state(published / "site")
    done = build(published, "--reports", str(other))
    assert done.returncode == 1
    assert "snippets/demo/double/evidence.py" in done.stderr  # the first of them
    assert "different versions of it" in done.stderr
    assert state(published / "site") == before


def test_of_a_committed_report_what_is_still_the_same_is_published(copy):
    """Written by another torch on a device that this machine has not; one of its snippets is another by now."""
    committed = json.loads((copy / "site/verification.json").read_text(encoding="utf-8"))
    mine = [r for r in committed["results"] if r["device"] == "cpu"]
    elsewhere = {"device": "meta", "device_name": "stand-in", "torch": "2.9.1", "artifacts": []}
    committed |= {"results": [r | elsewhere for r in mine], "torch": "2.9.1", "device_names": {"meta": "stand-in"}}
    committed["results"][1]["sha256"] = "0" * 64
    file = copy / "reports" / "stand-in.json"
    file.parent.mkdir()
    file.write_text(json.dumps(committed), encoding="utf-8")
    done = build(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((copy / "site/verification.json").read_text(encoding="utf-8"))
    found = [r["path"] for r in report["results"] if r["device"] == "meta"]
    assert found == [committed["results"][0]["path"]]
    assert "stand-in" in page(copy, "demo/double.html").text_content()
    committed["results"][0]["status"] = "perfect"
    file.write_text(json.dumps(committed), encoding="utf-8")
    refused = build(copy)
    assert refused.returncode == 1
    assert "reports/stand-in.json: results[0].status: 'perfect' is none of" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (copy / "build/verification.json").exists()  # the one of before vouches for nothing now


def test_notebook_of_a_published_site_links_to_it(public):
    book = nbformat.read(public / "site/snippets/demo/double.ipynb", as_version=4)
    assert f"[Double]({ADDRESS}demo/double.html)" in book.cells[0].source
    assert f"[加倍]({ADDRESS}zh/demo/double.html)" in book.cells[0].source
    old = page(public, "zh/sums/times-two.html")
    assert old.xpath('//link[@rel="canonical"]/@href') == [f"{ADDRESS}zh/demo/double.html"]
