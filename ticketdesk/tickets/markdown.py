"""What people write, as HTML that may stand on any page and in any mail.

Two nets, one behind the other: the Markdown reader knows no HTML of its own,
and what it makes is cleaned once more by an allow-list, so that a fault in
either alone lets nothing through.
"""

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

SCHEMES = frozenset({"http", "https", "mailto", "tel"})
TAGS = frozenset(
    {"a", "blockquote", "br", "code", "em", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong", "ul"}
)
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
LINK_REL = "noopener nofollow ugc"

# The first heading of a message stands below the headings of the page around it.
_HEADINGS_BELOW = 3
_HEADING_LAST = 6


class _Reader(MarkdownIt):
    """CommonMark, with line breaks where the writer made them: most people write plain text."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "linkify": True, "breaks": True})
        self.enable(["strikethrough", "linkify"])
        # A line of dashes below a line would make that a heading; in what people send it begins a signature.
        self.disable("lheading")
        if self.linkify is not None:
            # Without a scheme too many names of files would be links: setup.py and README.md are host names as well.
            self.linkify.set({"fuzzy_link": False})
        self.core.ruler.push("lower_headings", _lower_headings)
        self.add_render_rule("image", _image_as_link)

    def validateLink(self, url: str) -> bool:  # noqa: N802  (the library asks for it by this name)
        """Whether a link may lead there; one that may not stays the text it was written as."""
        scheme, colon, _ = url.partition(":")
        return bool(colon) and scheme.lower() in SCHEMES


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _HEADINGS_BELOW, _HEADING_LAST)}"


def _image_as_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A picture from elsewhere would tell its host who reads the ticket and when, so it is fetched on a click only."""
    token = tokens[index]
    address = str(token.attrs["src"])
    name = renderer.renderInlineAsText(token.children or [], options, env) or address
    return f'<a href="{escapeHtml(address)}">{escapeHtml(name)}</a>'


_reader = _Reader()
_cleaner = nh3.Cleaner(
    tags=set(TAGS),
    attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
    url_schemes=set(SCHEMES),
    link_rel=LINK_REL,
)


@lru_cache(maxsize=256)
def render(source: str) -> Markup:
    """The Markdown source as safe HTML.

    Kept for a while, because pages that refresh themselves ask for the same messages again and again.
    """
    return Markup(_cleaner.clean(_reader.render(source)))  # noqa: S704  (this is what has just been cleaned)
