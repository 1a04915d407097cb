"""A full-text query as a tree, read from and written to PostgreSQL's text form.

PostgreSQL tells the words of what somebody typed apart; the tree is for what it
does not do with them: judging how common they are, leaving out parts, adding forms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:'(?P<lexeme>(?:[^'\\]|''|\\.)*)'(?P<beginning>:\*)?|(?P<operator><(?:-|\d+)>|[!&|()]))", re.S
)
_LOOSEST_FIRST = ("|", "&", "<")


@dataclass(frozen=True, slots=True)
class Word:
    """A lexeme, or with ``beginning`` every lexeme that begins with it."""

    lexeme: str
    beginning: bool = False

    def __str__(self) -> str:
        quoted = self.lexeme.replace("\\", "\\\\").replace("'", "''")
        return f"'{quoted}':*" if self.beginning else f"'{quoted}'"


@dataclass(frozen=True, slots=True)
class Group:
    """Parts joined by ``&``, ``|`` or a distance such as ``<->``; ``!`` has one part."""

    operator: str
    parts: tuple["Node", ...]

    def __str__(self) -> str:
        if self.operator == "!":
            return f"!({self.parts[0]})"
        return f" {self.operator} ".join(f"({part})" for part in self.parts)


Node = Word | Group


def parse(written: str) -> Node | None:
    """The tree of a tsquery in its text form, None for an empty one."""
    tokens = list(_TOKEN.finditer(written))[::-1]
    return _operation(tokens, 0) if tokens else None


def words(node: Node) -> Iterator[Word]:
    """The words that a text is to have: those under ``!`` are left out."""
    if isinstance(node, Word):
        yield node
    elif node.operator != "!":
        for part in node.parts:
            yield from words(part)


def leaves(node: Node) -> Iterator[Word]:
    """All words, also those that a text must not have."""
    if isinstance(node, Word):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def with_forms(node: Node, forms: Mapping[str, Sequence[str]]) -> Node:
    """The query with each word's other forms beside it."""
    if isinstance(node, Group):
        return Group(node.operator, tuple(with_forms(part, forms) for part in node.parts))
    others = [Word(form) for form in forms.get(node.lexeme, ()) if form != node.lexeme]
    return Group("|", (node, *others)) if others else node


def any_of(lexemes: Iterable[str]) -> Node:
    """A query for any of the lexemes, of which there must be one at least."""
    found = [Word(lexeme) for lexeme in lexemes]
    return found[0] if len(found) == 1 else Group("|", tuple(found))


def _operation(tokens: list[re.Match[str]], level: int) -> Node:
    """What stands next in the tokens, of operators that bind as closely as the level or closer."""
    if level == len(_LOOSEST_FIRST):
        return _operand(tokens)
    found = _operation(tokens, level + 1)
    while tokens and (operator := tokens[-1]["operator"]) and operator[0] == _LOOSEST_FIRST[level]:
        tokens.pop()
        part = _operation(tokens, level + 1)
        joined = found.parts if isinstance(found, Group) and found.operator == operator else (found,)
        found = Group(operator, (*joined, part))
    return found


def _operand(tokens: list[re.Match[str]]) -> Node:
    token = tokens.pop()
    if token["operator"] == "!":
        return Group("!", (_operand(tokens),))
    if token["operator"] == "(":
        found = _operation(tokens, 0)
        tokens.pop()
        return found
    return Word(re.sub(r"(?s)''|\\(.)", lambda escaped: escaped[1] or "'", token["lexeme"]), bool(token["beginning"]))
