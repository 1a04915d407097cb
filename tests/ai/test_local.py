"""The local engine as its callers see it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketdesk.ai.contract import Verdict
from ticketdesk.ai.local import LocalEngine
from ticketdesk.core.vocabulary import Category, Priority

ENGINE = LocalEngine()


def classify(text: str) -> Verdict:
    return ENGINE.classify(text, timeout=1.0)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Charged twice\n\nMy card was charged two times for the March invoice.", Category.BILLING),
        ("Rechnung\n\nDer Betrag wurde doppelt abgebucht.", Category.BILLING),
        ("Me cobraron dos veces la suscripción", Category.BILLING),
        ("Je souhaite être remboursé de ma facture", Category.BILLING),
        ("Preciso da segunda via do boleto", Category.BILLING),
        ("The app crashes every time I open a report", Category.TECHNICAL),
        ("Der Drucker im zweiten Stock funktioniert nicht mehr", Category.TECHNICAL),
        ("La aplicación se cierra sola y da un mensaje de error", Category.TECHNICAL),
        ("Le site ne charge pas, écran blanc", Category.TECHNICAL),
        ("O aplicativo trava e não abre", Category.TECHNICAL),
        ("I forgot my password and cannot sign in", Category.ACCOUNT),
        ("Mein Konto ist gesperrt, ich kann mich nicht einloggen", Category.ACCOUNT),
        ("Olvidé mi contraseña", Category.ACCOUNT),
        ("Mot de passe oublié, impossible de me connecter à mon compte", Category.ACCOUNT),
        ("Esqueci a minha senha", Category.ACCOUNT),
        ("What are your opening hours on Sunday?", Category.GENERAL),
        ("Wann kommt mein Paket an?", Category.GENERAL),
        ("¿Cuándo llega mi pedido?", Category.GENERAL),
        ("Où en est la livraison de mon colis ?", Category.GENERAL),
        ("Quando chega a minha encomenda?", Category.GENERAL),
    ],
)
def test_category_in_five_languages(text: str, category: Category) -> None:
    assert classify(text).category is category


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("Production is down\n\nAll customers get error 503 and we are losing data.", Priority.CRITICAL),
        ("Someone hacked my account and I did not make these payments", Priority.CRITICAL),
        ("Totalausfall: der Server ist ausgefallen, niemand kann arbeiten", Priority.CRITICAL),
        ("URGENT: cannot log in and I have a deadline today", Priority.HIGH),
        ("Dringend: ich kann nicht arbeiten, kein Zugriff auf das Laufwerk", Priority.HIGH),
        ("There is a small typo on the start page, no rush", Priority.LOW),
        ("Nur eine Frage: gibt es das Produkt auch in Blau?", Priority.LOW),
        ("The export contains the wrong column names", Priority.MEDIUM),
    ],
)
def test_priority(text: str, priority: Priority) -> None:
    assert classify(text).priority is priority


def test_explains_itself_in_the_customers_words() -> None:
    assert "Stromrechnung" in classify("Meine Stromrechnung ist zu hoch").words


def test_without_evidence_it_is_unsure() -> None:
    verdict = classify("lorem ipsum dolor")
    assert (verdict.category, verdict.priority, verdict.words) == (Category.GENERAL, Priority.MEDIUM, ())
    assert verdict.category_confidence < 0.6


@given(st.text(max_size=400))
def test_any_text_gets_a_well_formed_verdict(text: str) -> None:
    verdict = classify(text)
    assert sum(guess.confidence for guess in verdict.guesses) == pytest.approx(1.0)
    assert {guess.category for guess in verdict.guesses} == set(Category)
    assert verdict.guesses[0].category is verdict.category
    assert verdict.guesses[0].confidence == verdict.category_confidence == max(g.confidence for g in verdict.guesses)
    assert 0.0 <= verdict.priority_confidence <= 1.0
    assert classify(text) == verdict
