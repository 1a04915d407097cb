"""What people write becomes HTML that does nothing."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ticketdesk.tickets.markdown import ATTRIBUTES, LINK_REL, SCHEMES, TAGS, render

# What has broken other readers of Markdown, and the pieces it is made from.
CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\\javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    '[x](http://a "onmouseover=alert(1) x=")',
    "[x](http://a/'onmouseover='alert(1))",
    '[x](http://a/"onmouseover="alert(1))',
    "![x](javascript:alert(1))",
    "![x](http://a/b.png)",
    '![x" onerror="alert(1)](http://a/b.png)',
    '![x](http://a/b.png"onerror="alert(1))',
    "![](data:image/svg+xml,<svg/onload=alert(1)>)",
    "<javascript:alert(1)>",
    '<http://a/?"onclick=alert(1)>',
    "[x]: javascript:alert(1)\n\n[x]",
    "[x]: http://a 'onclick=alert(1)'\n\n[x]",
    "```html onload=alert(1)\n<script>\n```",
    "`<script>`",
    "    <script>alert(1)</script>",
    "<style>*{color:red}</style>",
    "<iframe src=//a></iframe>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
    "<!--><script>alert(1)</script>-->",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "http://a/<script>alert(1)</script>",
    "mailto:a@b?subject=<script>",
    'a@b.c"onclick=alert(1)',
    "<div style='position:fixed'>",
    "<form action=//a><input name=password>",
    "<base href=//a>",
    "<meta http-equiv=refresh content=0>",
]
PIECES = st.sampled_from(
    [*CORPUS, *"<>\"'`[]()!*_~#&;:/\\=\n\t -.0aà", "](", "![", "javascript:", "http://", " on", "\n\n", "> ", "- "]
)


class Watcher(HTMLParser):
    """Reads HTML as a browser would and keeps what it is made of."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.found.append(("!--", {}))

    def handle_decl(self, decl: str) -> None:
        self.found.append(("!", {}))


def check_harmless(html: str) -> None:
    watcher = Watcher()
    watcher.feed(html)
    watcher.close()
    for tag, attributes in watcher.found:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, set()) | ({"rel"} if tag == "a" else set())
        if tag == "a":
            scheme = re.match(r"([a-z]+):", attributes["href"] or "", re.IGNORECASE)
            assert scheme is not None
            assert scheme[1].lower() in SCHEMES
            assert attributes["rel"] == LINK_REL


@pytest.mark.parametrize("source", CORPUS)
def test_the_corpus_does_nothing(source: str) -> None:
    check_harmless(render(source))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=200))
@example("[" * 200 + "](" * 200)
def test_nothing_that_anybody_can_write_does_anything(source: str) -> None:
    check_harmless(render(source))


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("Hello *you* and **you**", "<p>Hello <em>you</em> and <strong>you</strong></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("~~no~~ yes", "<p><s>no</s> yes</p>"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("# Big", "<h4>Big</h4>"),
        ("###### Small", "<h6>Small</h6>"),
        ("Best regards\n--\nAda", "<p>Best regards<br>\n--<br>\nAda</p>"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("```python\nx < y\n```", "<pre><code>x &lt; y\n</code></pre>"),
        ('[x](https://a.example/ "t")', f'<p><a href="https://a.example/" title="t" rel="{LINK_REL}">x</a></p>'),
        (
            "see https://a.example/b_c",
            f'<p>see <a href="https://a.example/b_c" rel="{LINK_REL}">https://a.example/b_c</a></p>',
        ),
        ("ada@example.com", f'<p><a href="mailto:ada@example.com" rel="{LINK_REL}">ada@example.com</a></p>'),
        ("run setup.py in README.md", "<p>run setup.py in README.md</p>"),
        ("![A plan](https://a.example/p.png)", f'<p><a href="https://a.example/p.png" rel="{LINK_REL}">A plan</a></p>'),
        (
            "![](https://a.example/p.png)",
            f'<p><a href="https://a.example/p.png" rel="{LINK_REL}">https://a.example/p.png</a></p>',
        ),
        ("[x](/staff/sign-out)", "<p>[x](/staff/sign-out)</p>"),
        ("<b>bold</b>", "<p>&lt;b&gt;bold&lt;/b&gt;</p>"),
        ("", ""),
    ],
)
def test_what_it_looks_like(source: str, html: str) -> None:
    assert render(source).strip() == html
