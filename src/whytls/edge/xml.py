"""XML as Edge uses it: elements with attributes and text, read with the line of each, and written back with what nobody here knows.

Theory of operation
-------------------
The parser is expat. A document type declaration is refused as soon as it begins, so there is no entity to expand and nothing external to
fetch, and depth, number of elements and size have bounds. Edge's documents have no mixed content: an element has either text or children.
Comments are kept as elements named ``#comment``, for a person wrote them; processing instructions and white space between elements are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from whytls.exceptions import InputError

LARGEST, DEEPEST, MOST = 4 << 20, 64, 50_000  # bytes, levels, elements
COMMENT = "#comment"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True, slots=True)
class Element:
    """One element. Two are equal wherever they stand: the line does not count."""

    name: str
    text: str = ""  # stripped where it has children
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element, ...] = ()
    line: int = field(default=0, compare=False)  # of its start tag, from 1; 0: it was read from nowhere

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list[Element]:
        """All children of that name."""
        return [child for child in self.children if child.name == name]

    def value(self, name: str) -> str | None:
        """The text of the first child of that name, stripped; None: there is no such child."""
        found = self.child(name)
        return None if found is None else found.text.strip()

    def attribute(self, name: str) -> str | None:
        """An attribute's value."""
        return dict(self.attributes).get(name)


def element(name: str, text: str = "", attributes: tuple[tuple[str, str], ...] = (), children: tuple[Element, ...] = ()) -> Element:
    """An element that is to be written."""
    return Element(name, text, attributes, children)


def parse(data: bytes, name: str) -> Element:
    """The root element of a document.

    Raises:
        InputError: it is no XML, declares a document type, or is larger or deeper than such a document can be.
    """
    if len(data) > LARGEST:
        raise InputError("too large for a resource in XML", file=name, hint=f"at most {LARGEST} bytes")
    reading = _Reading(name)
    try:
        reading.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"line {error.lineno} is no XML: {expat.errors.messages[error.code]}", file=name) from None
    except (ValueError, LookupError):  # an encoding that Python does not know, or a name that is none in it
        raise InputError("is no XML: its encoding is not known", file=name, hint="save it as UTF-8") from None
    if reading.root is None:
        raise InputError("is no XML: it has no element", file=name)
    return reading.root


class _Open:
    """An element that is being read."""

    __slots__ = ("attributes", "children", "line", "name", "text")

    def __init__(self, name: str, attributes: tuple[tuple[str, str], ...], line: int) -> None:
        self.name, self.attributes, self.line = name, attributes, line
        self.text: list[str] = []
        self.children: list[Element] = []


class _Reading:
    """The handlers that expat calls."""

    def __init__(self, name: str) -> None:
        self.name, self.open, self.count = name, list[_Open](), 0
        self.root: Element | None = None
        self.parser = expat.ParserCreate()
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.CommentHandler = self.comment
        self.parser.StartDoctypeDeclHandler = self.doctype

    def start(self, name: str, attributes: list[str]) -> None:
        self._count()
        if len(self.open) >= DEEPEST:
            raise InputError(f"line {self.parser.CurrentLineNumber}: elements nested deeper than {DEEPEST}", file=self.name)
        pairs = tuple(zip(attributes[::2], attributes[1::2], strict=True))
        self.open.append(_Open(name, pairs, self.parser.CurrentLineNumber))

    def end(self, _: str) -> None:
        done = self.open.pop()
        text = "".join(done.text)
        made = Element(done.name, text.strip() if done.children or not text.strip() else text, done.attributes, tuple(done.children), done.line)
        if self.open:
            self.open[-1].children.append(made)
        else:
            self.root = made

    def characters(self, text: str) -> None:
        if self.open:
            self.open[-1].text.append(text)

    def comment(self, text: str) -> None:
        self._count()
        if self.open:
            self.open[-1].children.append(Element(COMMENT, text, line=self.parser.CurrentLineNumber))

    def doctype(self, *_: object) -> None:
        raise InputError("declares a document type, which no resource of Edge does", file=self.name, hint="leave the <!DOCTYPE …> out")

    def _count(self) -> None:
        self.count += 1
        if self.count > MOST:
            raise InputError(f"has more than {MOST:,} elements", file=self.name)


def write(root: Element, *, declaration: bool = True) -> str:
    """The document as text, indented by four blanks as Edge's own bundles are."""
    lines: list[str] = []
    _write(root, "", lines)
    return (DECLARATION if declaration else "") + "\n".join(lines) + "\n"


def _write(given: Element, indent: str, lines: list[str]) -> None:
    if given.name == COMMENT:
        lines.append(f"{indent}<!--{given.text}-->")
        return
    opening = indent + "<" + given.name + "".join(f" {name}={quoteattr(value)}" for name, value in given.attributes)
    if not given.children:
        lines.append(f"{opening}>{escape(given.text)}</{given.name}>" if given.text else f"{opening}/>")
        return
    lines.append(opening + ">" + escape(given.text))
    for child in given.children:
        _write(child, indent + "    ", lines)
    lines.append(f"{indent}</{given.name}>")
