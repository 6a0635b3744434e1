"""Reads small XML documents that strangers wrote.

There is no document type, so there are no entities but the five of XML itself; nothing is ever loaded from
elsewhere. Size, depth and the number of elements are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

LARGEST_DOCUMENT = 256 * 1024
"""Octets. The largest document of the ISPDB has 9 kB."""
DEEPEST = 16
MOST_ELEMENTS = 2000
"""The largest document of the ISPDB has 250."""


class Unreadable(ValueError):
    """The text is no XML, or XML that is not read. The message says why, as the end of a sentence."""


@dataclass(slots=True)
class Element:
    """An element; `text` is all text directly in it."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def named(self, tag: str) -> Iterator[Element]:
        """Yield the children of this name."""
        return (child for child in self.children if child.tag == tag)

    def texts(self, tag: str) -> list[str]:
        """Return the trimmed texts of the children of this name that have any."""
        return [text for child in self.named(tag) if (text := child.text.strip())]


def parse_xml(document: bytes) -> Element:
    """Return the outermost element. Raises `Unreadable`."""
    if len(document) > LARGEST_DOCUMENT:
        raise Unreadable(f"it is larger than {LARGEST_DOCUMENT // 1024} KiB")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.take_text
    parser.StartDoctypeDeclHandler = builder.refuse_doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise Unreadable("it is not XML") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("its encoding is not known") from error
    return builder.root.children[0]


class _Builder:
    """Builds the tree below `root`."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self._open = [self.root]
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > DEEPEST or self._elements > MOST_ELEMENTS:
            raise Unreadable("it has too many elements")
        element = Element(tag, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def take_text(self, text: str) -> None:
        self._open[-1].text += text

    def refuse_doctype(self, *_declaration: object) -> None:
        raise Unreadable("it has a document type, as web pages have; that could define entities")
