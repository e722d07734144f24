"""An Atom feed (RFC 4287) of new and changed entries, dated by the repository's history."""

from __future__ import annotations

import uuid
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from scripts.generate.addresses import page_url
from scripts.generate.phrases import word
from scripts.sources.catalog import Catalog

MOST = 50  # entries
NAMESPACE = "http://www.w3.org/2005/Atom"


def feed(catalog: Catalog, dates: dict[str, tuple[str, str]], address: str, lang: str) -> str:
    """The feed of one edition, newest change first; addresses are relative where the site's own is not known."""
    root = Element("feed", {"xmlns": NAMESPACE, "xml:lang": "zh-Hans" if lang == "zh" else "en"})
    dated = [(dates[entry.pages[lang].path], entry) for entry in catalog.techniques if entry.pages[lang].path in dates]
    dated.sort(key=lambda pair: (pair[0][1], pair[1].id), reverse=True)
    SubElement(root, "title").text = word("site_name", lang)
    SubElement(root, "id").text = _id(lang)
    SubElement(root, "updated").text = dated[0][0][1] if dated else "1970-01-01T00:00:00+00:00"
    SubElement(SubElement(root, "author"), "name").text = word("site_name", lang)
    SubElement(root, "link", {"rel": "self", "href": f"{address}{'zh/' if lang == 'zh' else ''}feed.xml"})
    for (first, last), entry in dated[:MOST]:
        url = page_url(entry, lang)
        item = SubElement(root, "entry")
        SubElement(item, "title").text = entry.title(lang)
        SubElement(item, "id").text = _id(url)
        SubElement(item, "published").text = first
        SubElement(item, "updated").text = last
        SubElement(item, "link", {"href": address + url if address else url.removeprefix("zh/")})
        SubElement(item, "summary").text = str(entry.pages[lang].meta["summary"])
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _id(name: str) -> str:
    """A name that stays the same wherever the site is published."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"deep-learning-guide/{name}").urn
