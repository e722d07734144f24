"""What must hold of the rendered pages: links that lead somewhere, nothing from elsewhere, no mark left over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote, urldefrag, urlsplit

from lxml import html

from scripts import memory
from scripts.problems import Problem
from scripts.publish.archive import ARCHIVE  # made last, of what was found to be right

# Elements by which a browser loads something on its own, and the attribute that says what.
LOADING = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}
PASSIVE_RELATIONS = {"canonical", "alternate", "next", "prev", "license", "author", "search"}
FOREIGN = {"iframe", "frame", "object", "embed", "applet", "base", "foreignobject"}  # no page of ours holds these
SCHEMES = {"", "http", "https", "mailto", "data"}
LEFT_OVER = re.compile(r"--8<--|\]\((?:claim|figure|table):|\[@[\w:-]+\]|\x02")


@dataclass(frozen=True)
class Seen:
    """What one rendered page holds."""

    path: str
    ids: frozenset[str]
    links: tuple[tuple[str, str], ...]  # (address, anchor) of links to this site
    problems: tuple[Problem, ...]


@memory.remembered
def read(name: str, data: bytes) -> Seen:
    """Parse one page."""
    tree = html.fromstring(data)
    problems: list[Problem] = []
    ids = [element.get("id") for element in tree.iter() if isinstance(element.tag, str) and element.get("id")]
    repeated = sorted({i for i in ids if ids.count(i) > 1 and not i.startswith("__")})
    for identifier in repeated:
        problems.append(Problem(name, 1, f"the id '{identifier}' stands twice on the page", "Rename one of the two."))
    for tag, attribute in LOADING.items():
        for element in tree.iter(tag):
            address = element.get(attribute) or ""
            relations = set((element.get("rel") or "").split())
            if urlsplit(address).netloc and not relations & PASSIVE_RELATIONS:
                message = f"the page would load {address} from another host"
                problems.append(Problem(name, element.sourceline or 1, message, "Ship the file with the site."))
    problems += _active(tree, name)
    for image in tree.iter("img"):
        if image.get("alt") is None:
            problems.append(Problem(name, image.sourceline or 1, "an image without alternative text", "Add it."))
    article = tree.find(".//article")
    if article is not None:
        for hidden in article.xpath(".//pre | .//code | .//script | .//style | .//*[local-name()='annotation']"):
            hidden.text = ""
            for child in list(hidden):
                hidden.remove(child)
        if left := LEFT_OVER.search(article.text_content()):
            message = f"a mark was published as text: {left.group()!r}"
            problems.append(Problem(name, 1, message, "Compare it with CONTRIBUTING.md."))
    links = []
    for element in tree.iter("a", "link", "script", "img"):
        address = element.get("href") or element.get("src")
        if not address or urlsplit(address).scheme or urlsplit(address).netloc:
            continue
        links.append(tuple(urldefrag(address)))
    return Seen(name, frozenset(i for i in ids if i), tuple(links), tuple(problems))


def _active(tree: html.HtmlElement, name: str) -> Iterator[Problem]:
    """What would act in a reader's browser and is not of the theme: handlers, frames, addresses that are scripts."""
    remedy = "Take it out of the page's sources."
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        line = element.sourceline or 1
        if element.tag.lower() in FOREIGN or (
            element.tag == "style" and next(element.iterancestors("body"), None) is not None
        ):
            yield Problem(name, line, f"the page holds <{element.tag}>", remedy)
        for key, value in element.attrib.items():
            if key.lower().startswith("on"):
                yield Problem(name, line, f"the page holds a handler, {key}", remedy)
            elif key.lower() in ("href", "src", "action", "formaction", "xlink:href"):
                scheme = re.match(r"([\w+.-]+):", re.sub(r"[\x00-\x20]", "", value))
                if scheme and scheme[1].lower() not in SCHEMES:
                    yield Problem(name, line, f"the page holds an address of the kind {scheme[1]}:", remedy)


def check(out: Path, address: str) -> Iterator[Problem]:
    """Problems of the rendered site below ``out``.

    Args:
        out: its folder.
        address: where it will be public, if that is known: addresses that begin at its host's root begin with its path.
    """
    root = urlsplit(address).path or "/"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} | {ARCHIVE}
    pages = [(name, (out / name).read_bytes()) for name in sorted(files) if name.endswith(".html")]
    seen = {page.path: page for page in memory.each(read, pages)}

    @cache
    def target(folder: str, address: str) -> str | None:
        """The file that a page in a folder means by an address; None where there is none."""
        if address.startswith("/"):
            if not address.startswith(root):
                return None
            found = normpath(address.removeprefix(root).lstrip("/"))
        else:
            found = normpath(f"{folder}/{address}".lstrip("/"))
        return next((name for name in (found, normpath(f"{found}/index.html")) if name in files), None)

    for name, page in seen.items():
        yield from page.problems
        for address, anchor in page.links:
            there = target(name.rpartition("/")[0], unquote(address)) if address else name
            if there is None:
                yield Problem(name, 1, f"dead link to {address}", "Name a page or file of the site.")
            elif anchor and there in seen and unquote(anchor) not in seen[there].ids and not anchor.startswith("__"):
                yield Problem(name, 1, f"dead link: {there} has no place #{unquote(anchor)}", "Mend the anchor.")
