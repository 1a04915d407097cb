"""What SQL needs to know about a word of the search index, under the name ``lexeme``."""

TELLS = """
    length(lexeme) BETWEEN 3 AND 40 AND lexeme ~ '[^0-9.,:/-]'
    AND '{}' NOT IN (
        ts_lexize('english_stem', lexeme), ts_lexize('german_stem', lexeme), ts_lexize('spanish_stem', lexeme),
        ts_lexize('french_stem', lexeme), ts_lexize('portuguese_stem', lexeme)
    )
"""
"""Whether it can tell what a text is about: no number, and no word that a language cannot do without."""

STEM = "coalesce((ts_lexize('english_stem', lexeme))[1], lexeme)"
"""Its stem. The English stemmer takes the ends off many languages' words, and leaves the others as they are."""
