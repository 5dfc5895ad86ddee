"""What a reader sees of HTML and of Markdown: words without tags, a line for each block."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from handlers.embedding.reading.documents.plain import read_text
from handlers.embedding.reading.documents.section import Section

#: What is in these is not shown.
_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg"})
#: What is in these flows with the text around it; everything else begins a block.
_INLINE = frozenset(
    {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "c", "cite", "code", "data", "del", "dfn", "em", "font", "i"}
    | {"img", "ins", "kbd", "label", "lang", "mark", "nobr", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "small"}
    | {"span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
#: How letters below them are read aloud (ruby), of which words are not to be torn; and what stands around that where
#: it is not shown above them.
_ABOVE, _AROUND = frozenset({"rt", "rtc"}), "rp"
_RUBY = _ABOVE | {_AROUND, "rb", "ruby"}
_BLOCK = "\n\n"
#: How deep lists and quotations of Markdown may lie in each other, two for each list, beyond which nothing that follows
#: is read; and what lies in each other in a line, which takes as many times as long.
_BLOCKS_DEEP, _INLINE_DEEP = 100, 20
#: A number of a character with more digits than Python reads: there is none, and browsers show this instead.
_NO_CHARACTER, _UNKNOWN = re.compile("&#[0-9]{1000,};?"), "\ufffd"
#: How often a text may be looked through for the ends of tags that have none.
_WASTED = 4
#: What stands for parts of a line in Markdown that are no words: its tags go, as they do in HTML.
_INSTEAD = {"softbreak": "\n", "hardbreak": "\n", "html_inline": ""}


def read_html(path: Path) -> Iterator[Section]:
    """The text of a page, its title first."""
    text, cut = read_text(path, page=True)
    yield Section(visible(text), cut=cut)


def read_markdown(path: Path) -> Iterator[Section]:
    """The text of a document, without marks and without the addresses of links."""
    text, cut = read_text(path)
    parser = MarkdownIt("commonmark", {"maxNesting": _BLOCKS_DEEP}).enable("table")
    parser.core.ruler.after("block", "no_deep_lines", _end_deep)
    tokens = parser.parse(text)
    yield Section(_BLOCK.join(filter(None, map(_words_of, tokens))), cut=cut)


def _end_deep(state: StateCore) -> None:
    state.md.options["maxNesting"] = _INLINE_DEEP


def _words_of(token: Token) -> str:
    """What a reader sees of a block, of pieces of HTML, too."""
    if token.type == "inline":
        return "".join(_INSTEAD.get(child.type, child.content) for child in token.children or ())
    if token.type == "html_block":
        return visible(token.content)
    return token.content if token.type in ("fence", "code_block") else ""


def visible(html: str) -> str:
    """The words of a page or of a part of one."""
    return _Words(_NO_CHARACTER.sub(_UNKNOWN, html)).text()


class _Words(HTMLParser):
    """Gathers what is shown. Tags that are not closed, or closed too often, cost nothing but the text they hide."""

    def __init__(self, html: str) -> None:
        """Of the whole text at once: what does not end in it never does."""
        super().__init__(convert_charrefs=True)
        self._found: list[str] = []
        self._hidden_by = ""
        self._in_title = False
        #: The part of ruby that is being read, and what is read aloud of this block, which goes behind it.
        self._ruby, self._aloud = "", list[str]()
        self._last_end = html.rfind(">")
        #: What begins with these was looked for to the end of the text once, in vain.
        self._endless: set[str] = set()
        #: Characters of tags that began, and did not end; and of how many the others are text.
        self._wasted, self._most_wasted = 0, _WASTED * len(html)
        self.feed(html)
        self.close()

    def parse_starttag(self, i: int) -> int:
        """As in ``HTMLParser``, whose methods look through all that follows for each thing that does not end."""
        if i > self._last_end or self._wasted > self._most_wasted:
            return self._as_text(i)
        if (end := super().parse_starttag(i)) >= 0:
            return end
        self._wasted += self._last_end - i
        return self._as_text(i)

    def parse_endtag(self, i: int) -> int:
        return self._ended(i, i < self._last_end and super().parse_endtag(i))

    def parse_pi(self, i: int) -> int:
        return self._ended(i, i < self._last_end and super().parse_pi(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        return self._parsed("<!--", super().parse_comment, i)

    def parse_html_declaration(self, i: int) -> int:
        return self._ended(i, i < self._last_end and super().parse_html_declaration(i))

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """As in ``HTMLParser``; what is none is left out like a comment, as browsers do, and raises nothing."""
        name = self.rawdata[i : i + len("<![CDATA[")].lower()
        try:
            return self._parsed(name, super().parse_marked_section, i)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def _parsed(self, name: str, parse: Callable[[int], int], i: int) -> int:
        end = -1 if name in self._endless else parse(i)
        if end < 0:
            self._endless.add(name)
        return self._ended(i, end)

    def _ended(self, i: int, end: int) -> int:
        return end if end > 0 else self._as_text(i)

    def _as_text(self, i: int) -> int:
        """Takes for text what begins like markup and does not end: up to the next end of some, or beginning."""
        find = self.rawdata.find
        end = find(">", i + 1) + 1 if i < self._last_end else max(find("<", i + 1), i + 1)
        self.handle_data(unescape(self.rawdata[i:end]))
        return end

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.handle_data(f" {dict(attrs).get('alt') or ''} ")
        if tag == "title":
            self._in_title = True
        elif tag == "body":
            self._hidden_by = ""
        elif tag in _HIDDEN and not self._hidden_by:
            self._hidden_by = tag
        elif tag.partition(".")[0] not in _INLINE:  # WebVTT has classes behind a point
            self._end_block()
        elif tag in _RUBY:
            self._ruby = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
            self._end_block()
        elif tag == self._hidden_by:
            self._hidden_by = ""
        elif tag not in _INLINE:
            self._end_block()
        elif tag in _RUBY:
            self._ruby = ""

    def handle_data(self, data: str) -> None:
        if self._ruby != _AROUND and (self._in_title or not self._hidden_by):
            (self._aloud if self._ruby in _ABOVE else self._found).append(data)

    def _end_block(self) -> None:
        self._found.append(_BLOCK)
        self._ruby = ""
        if self._aloud:
            self._found += [*self._aloud, _BLOCK]
            self._aloud = []

    def text(self) -> str:
        self._end_block()
        blocks = "".join(self._found).split(_BLOCK)
        return _BLOCK.join(filter(None, (" ".join(block.split()) for block in blocks)))
