"""What somebody may have meant whose search found nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from ticketdesk.search import vocabulary
from ticketdesk.search.newest import finds
from ticketdesk.search.query import Query
from ticketdesk.search.snippets import places_of
from ticketdesk.search.tsquery import Word, words

WORDS_MAX = 8
_TRIED = 3


@dataclass(frozen=True, slots=True)
class Meant:
    """A word that no ticket has, the word that it may have been meant to be, and the search with that."""

    unknown: str
    word: str
    search: str


def meant(typed: str, asked: Query) -> Meant | None:
    """What may have been meant, None where every word is known or nothing is like the one that is not."""
    for word in _unknown(asked):
        for near in vocabulary.alike(word.lexeme)[:_TRIED]:
            # What has been put into the trash since is no help.
            if finds(Word(near)) and (place := next(iter(places_of(word, typed)), None)):
                start, end = place
                return Meant(typed[start:end], near, f"{typed[:start]}{near}{typed[end:]}")
    return None


def _unknown(asked: Query) -> Iterator[Word]:
    for word in list(dict.fromkeys(words(asked.words)))[:WORDS_MAX]:
        if len(word.lexeme) > 2 and not finds(word):
            yield word
