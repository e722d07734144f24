"""What an SVG may hold to stand in a page: shapes and texts, no script, no link, nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
DROPPED = {f"{SVG}{name}" for name in ("metadata", "style", "title", "desc")}  # a <style> would reach the whole page
_ELEMENTS = """
svg g defs path use text tspan clipPath rect circle ellipse line polyline polygon image linearGradient radialGradient
stop pattern marker mask symbol
"""
_ATTRIBUTES = """
id d x y x1 y1 x2 y2 cx cy r rx ry fx fy dx dy width height points transform viewBox version preserveAspectRatio offset
patternUnits patternTransform patternContentUnits gradientUnits gradientTransform clipPathUnits mask maskUnits
markerWidth markerHeight markerUnits refX refY orient rotate clip-rule
"""
_PROPERTIES = """
fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit
stroke-dasharray stroke-dashoffset opacity color stop-color stop-opacity clip-path font font-family font-size font-style
font-weight font-variant font-stretch text-anchor dominant-baseline baseline-shift letter-spacing text-decoration
white-space image-rendering shape-rendering mix-blend-mode
"""
ELEMENTS = {SVG + name for name in _ELEMENTS.split()}
PROPERTIES = set(_PROPERTIES.split())  # as attributes and in a style
ATTRIBUTES = set(_ATTRIBUTES.split()) | PROPERTIES
VALUE = re.compile(r"(?:[^()\\<>;]|\([\w\s,.%+-]*\)|(?<=url)\(#[\w.-]+\))*")  # no address but of a part of the figure
PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*")


class ArtifactError(ValueError):
    """A file that a snippet saved cannot stand on a page; the message says why."""


def parsed(text: str) -> Any:
    """The figure, of which nothing but shapes and texts is left.

    Raises:
        ArtifactError: for what is no SVG, or holds more than that.
    """
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ArtifactError(f"it is no SVG: {error}") from None
    if root.tag != f"{SVG}svg":
        raise ArtifactError(f"it is no SVG: it begins with <{root.tag}>")
    for element in [found for found in root.iter() if found.tag in DROPPED]:
        if element.getparent() is not None:
            element.getparent().remove(element)
    for element in root.iter():
        if element.tag not in ELEMENTS:
            name = etree.QName(element).localname if isinstance(element.tag, str) else element
            raise ArtifactError(f"it holds <{name}> in line {element.sourceline}")
        for key, value in element.attrib.items():
            if not _harmless(element, str(key), str(value)):
                name = etree.QName(key).localname
                raise ArtifactError(f'it holds {name}="{str(value)[:40]}" in line {element.sourceline}')
    return root


def _harmless(element: Any, key: str, value: str) -> bool:
    """Whether an attribute draws, and does no more."""
    if key in ("href", f"{XLINK}href"):
        picture = element.tag == f"{SVG}image" and PICTURE.fullmatch(value)
        return bool(picture or re.fullmatch(r"#[\w.-]+", value))
    if key == SPACE:
        return True
    if key == "style":
        pairs = [pair.partition(":") for pair in value.split(";") if pair.strip()]
        return all(name.strip() in PROPERTIES and VALUE.fullmatch(given) for name, _, given in pairs)
    return key in ATTRIBUTES and VALUE.fullmatch(value) is not None


def size(root: Any) -> tuple[float, float]:
    """Width and height of the figure, in points."""
    try:
        _, _, width, height = map(float, (root.get("viewBox") or "0 0 1 1").replace(",", " ").split())
        if not (0 < width < 1e5 and 0 < height < 1e5):
            raise ValueError
    except ValueError:
        raise ArtifactError(f'its viewBox is "{root.get("viewBox")}", not four numbers') from None
    return width, height
