"""What a reader sees of HTML and of Markdown: words without tags, a line for each block."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from handlers.embedding.reading.documents.plain import read_text
from handlers.embedding.reading.documents.section import Section

#: What is in these is not shown.
_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "head"})
#: What is in these flows with the text around it; everything else begins a block.
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "img", "kbd", "mark", "q", "s"}
    | {"samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
_BLOCK = "\n\n"
#: What stands for parts of a line in Markdown that are no words: its tags go, as they do in HTML.
_INSTEAD = {"softbreak": "\n", "hardbreak": "\n", "html_inline": ""}


def read_html(path: Path) -> Iterator[Section]:
    """The text of a page, its title first."""
    text, cut = read_text(path, page=True)
    yield Section(visible(text), cut=cut)


def read_markdown(path: Path) -> Iterator[Section]:
    """The text of a document, without marks and without the addresses of links."""
    text, cut = read_text(path)
    tokens = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").parse(text)
    yield Section(_BLOCK.join(filter(None, map(_words_of, tokens))), cut=cut)


def _words_of(token: Token) -> str:
    """What a reader sees of a block, of pieces of HTML, too."""
    if token.type == "inline":
        return "".join(_INSTEAD.get(child.type, child.content) for child in token.children or ())
    if token.type == "html_block":
        return visible(token.content)
    return token.content if token.type in ("fence", "code_block") else ""


def visible(html: str) -> str:
    """The words of a page or of a part of one."""
    words = _Words()
    words.feed(html)
    words.close()
    return words.text()


class _Words(HTMLParser):
    """Gathers what is shown. Tags that are not closed, or closed too often, cost nothing but the text they hide."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[str] = []
        self._hidden_by = ""
        self._in_title = False

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """As in ``HTMLParser``; what is none is left out like a comment, as browsers do, and raises nothing."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.handle_data(f" {dict(attrs).get('alt') or ''} ")
        if tag == "title":
            self._in_title = True
        elif tag == "body":
            self._hidden_by = ""
        elif tag in _HIDDEN and not self._hidden_by:
            self._hidden_by = tag
        elif tag not in _INLINE:
            self._found.append(_BLOCK)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
            self._found.append(_BLOCK)
        elif tag == self._hidden_by:
            self._hidden_by = ""
        elif tag not in _INLINE:
            self._found.append(_BLOCK)

    def handle_data(self, data: str) -> None:
        if self._in_title or not self._hidden_by:
            self._found.append(data)

    def text(self) -> str:
        blocks = "".join(self._found).split(_BLOCK)
        return _BLOCK.join(filter(None, (" ".join(block.split()) for block in blocks)))
