"""XML in and out. What comes may hold no document type: no entities, nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

Element = etree._Element  # noqa: SLF001 - the only name that lxml has for the type
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*\?>")


class MalformedError(Exception):
    """What came is no XML that is read here."""


def parsed(message: bytes) -> Element:
    """The root of a document in UTF-8, without comments and processing instructions.

    Raises:
        MalformedError: it is not well-formed, or has a document type.
    """
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("the message is not UTF-8") from None
    declaration = _DECLARATION.match(text)
    text = text[declaration.end() :] if declaration else text  # whatever encoding it tells: it is UTF-8
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if _has_doctype(text):
        raise MalformedError("a message has no document type")
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedError(f"the message is no XML: {error}"[:200]) from None
    return root


def _has_doctype(text: str) -> bool:
    """Whether there is one before the root element, the only place where it can be."""
    place = 0
    while True:
        place = text.find("<", place)
        for opening, closing in (("<!--", "-->"), ("<?", "?>")):
            if place >= 0 and text.startswith(opening, place):
                place = text.find(closing, place)
                break
        else:
            return place >= 0 and text.startswith("<!DOCTYPE", place)
        if place < 0:
            return False


def written(root: Element) -> bytes:
    """The document."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def made(space: str, name: str, text: str | None = None, *, names: Mapping[str, str] | None = None) -> Element:
    """An element whose namespace is the default one below it.

    Args:
        space: its namespace.
        name: its local name.
        text: what is in it.
        names: further namespaces by prefix, for qualified names in its text.
    """
    element = etree.Element(f"{{{space}}}{name}", nsmap={None: space, **(names or {})})  # type: ignore[dict-item]
    element.text = text
    return element


def added(parent: Element, name: str, text: str | None = None) -> Element:
    """A new last child, in the namespace of its parent."""
    child = etree.SubElement(parent, f"{{{space_of(parent)}}}{name}")
    child.text = text
    return child


def space_of(element: Element) -> str:
    """The namespace of an element; "" = none."""
    return etree.QName(element).namespace or ""


def name_of(element: Element) -> str:
    """The local name of an element."""
    return str(etree.QName(element).localname)


def text_of(element: Element) -> str:
    """What stands in an element before its first child."""
    return element.text or ""
