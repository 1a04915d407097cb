"""The words that tickets and replies have, for what an index of words cannot be asked: what is like a word."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from ticketdesk.extensions import Base

WORD_MAX = 30

search_word = Table(
    "search_word",
    Base.metadata,
    # Words are compared byte by byte, as in the index of words.
    Column("word", String(WORD_MAX, collation="C"), primary_key=True),
    Column("texts", Integer, nullable=False, comment="How many tickets and replies had it when they were read."),
    Column("stem", String(WORD_MAX, collation="C"), comment="In the language that the words were read for."),
    Index("ix_search_word_like", text("char_length(word)"), text("texts DESC")),
    Index("ix_search_word_stem", "stem", postgresql_where=text("stem IS NOT NULL")),
)

search_progress = Table(
    "search_progress",
    Base.metadata,
    Column("language", String(20), primary_key=True, comment="Whose stems the words have."),
    Column("ticket_id", BigInteger, nullable=False, comment="Up to which the tickets are read."),
    Column("message_id", BigInteger, nullable=False, comment="Up to which the messages are read."),
)
