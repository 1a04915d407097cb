"""What identifies people does not leave the house, and what describes the problem does."""

import base64
import ipaddress
import random
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.fakes.gemini import FakeGemini
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.gemini import GeminiEngine
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.redact import redact
from ticketdesk.ai.suggest import Suggester


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to jane.doe+shop@mail.example.co.uk, please", "Write to [email], please"),
        ("an jürgen@müller.de", "an [email]"),
        ("<root@localhost>", "<[email]>"),
        ("Card 4111 1111 1111 1111, 12/27", "Card [card], 12/27"),
        ("Card 4111-1111-1111-1111 12 27", "Card [card] 12 27"),
        ("378282246310005", "[card]"),
        ("fde2d7f5bd9060499984503ccfda3a2f84806940", "[secret]"),
        ("abcdefgh1.2.3.4ijklmnop", "[secret]"),
        ("４１１１ １１１１ １１１１ １１１１", "[card]"),
        ("4111 11\u200b11 1111 1111", "[card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [iban] is mine"),
        ("de89370400440532013000", "[iban]"),
        ("ab12 is my id DE89 3704 0044 0532 0130 00", "ab12 is my id [iban]"),
        ("NO93 8601 1117 947", "[iban]"),
        ("from 192.168.0.1:8080", "from [ip]:8080"),
        ("at [2001:db8::1]:443 and fe80::1: down", "at [[ip]]:443 and [ip]: down"),
        ("Call +49 (0) 171 / 123 45 67 today", "Call [phone] today"),
        ("(555) 123-4567", "[phone]"),
        ("\u202a+1-555-010-9999\u202c", "[phone]"),
        ("06.12.34.56.78", "[phone]"),
        ("01711234567", "[phone]"),
        ("order 48213377", "order [number]"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [secret]"),
        ("550e8400-e29b-41d4-a716-446655440000", "[secret]"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Authorization: Bearer [secret]"),
        ("password: hunter2", "password: [secret]"),
        ("Passwort = geheim!", "Passwort = [secret]"),
        ("mot de passe : azerty", "mot de passe : [secret]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nbye", "[secret]\nbye"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE, cut off", "[secret]"),
    ],
)
def test_private_data_gives_way_to_its_kind(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "The app crashes since version 2.14.3 on Windows 11, error 0x80070057.",
        "I paid $1,299.00 on 3/4/2026 and again on 22.11.2026.",
        "2026-11-22 14:30:05 ERROR com.example.shop.CheckoutController NullPointerExceptionHandler",
        "Die Rechtsschutzversicherungsgesellschaft zahlt nicht",
        "/usr/lib/python3/dist-packages/requests/adapters.py",
        "https://shop.example.com/products/list?page=2",
        "std::vector<int> at 12:30:45",
        "my password is refused",
        "----------------------------------------",
        "印刷できません。助けてください!",
    ],
)
def test_description_of_the_problem_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("name", "text", "redacted"),
    [
        ("Jane Doe", "Hi, this is jane doe. Thanks, Jane", "Hi, this is [name]. Thanks, [name]"),
        ("Jane Doe", "JANE\nDOE, Mrs Doe's order", "[name], Mrs [name]'s order"),
        ("Jane Doe", "Janet does it", "Janet does it"),
        ("Ursula von der Leyen", "Ursula von der Leyen von der Firma", "[name] von der Firma"),
        ("Zoë (Ops) *", "zoe\u0308 here", "[name] here"),
        ("李明", "我是李明，我要退款", "我是[name],我要退款"),
        ("Bo Li", "Li and Bo are short, Bo Li is not", "Li and Bo are short, [name] is not"),
        ("A", "A problem", "A problem"),
        ("  ", "A problem", "A problem"),
    ],
)
def test_name_of_the_requester_is_taken_out(name: str, text: str, redacted: str) -> None:
    assert redact(text, name) == redacted


def luhn_digit(digits: str) -> str:
    doubled = (int(digit) * 2 for digit in digits[-1::-2])
    total = sum(number - 9 if number > 9 else number for number in doubled) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def iban(country: str, account: str) -> str:
    number = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02}{account}"


def spaced(number: str, separator: str) -> str:
    return separator.join(number[start : start + 4] for start in range(0, len(number), 4))


DIGITS = "0123456789"
SEPARATORS = st.sampled_from(["", " ", "-"])
LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
EMAILS = st.builds("{}.{}@{}.{}".format, LABELS, LABELS, LABELS, st.sampled_from(["com", "co.uk", "de", "museum"]))
CARDS = st.builds(
    lambda digits, separator: spaced(digits + luhn_digit(digits), separator),
    st.text(DIGITS, min_size=12, max_size=18),
    SEPARATORS,
)
IBANS = st.builds(
    lambda country, account, separator: spaced(iban(country, account), separator),
    st.sampled_from(["DE", "FR", "GB", "ES", "PT", "NO", "MT"]),
    st.text(DIGITS + "ABCXYZ", min_size=11, max_size=27),
    SEPARATORS,
)
IPS = st.ip_addresses().filter(lambda address: address != ipaddress.ip_address("::")).map(str)
PHONES = st.builds(
    lambda start, groups, separator: start + separator.join(groups),
    st.sampled_from(["+49 ", "00", "+1-", "(030) ", "0"]),
    st.lists(st.text(DIGITS, min_size=2, max_size=4), min_size=4, max_size=5),
    st.sampled_from(["", " ", "-", ".", "/", " / "]),
)
TOKENS = st.builds(
    lambda seed, size, encode: encode(random.Random(seed).randbytes(size)),
    st.integers(0, 10_000),
    st.integers(20, 48),
    st.sampled_from(
        [
            lambda raw: raw.hex(),
            lambda raw: base64.b64encode(raw).decode(),
            lambda raw: "sk-" + base64.urlsafe_b64encode(raw).decode().rstrip("="),
        ]
    ),
) | st.uuids(version=4).map(str)
CANARIES = st.one_of(EMAILS, CARDS, IBANS, IPS, PHONES, TOKENS)

# Words on both sides, since a canary that touches letters or digits is another string altogether.
PROSE = st.text(st.characters(codec="utf-8", categories=["L", "P", "Z", "S"]), max_size=40)


@given(CANARIES, PROSE, PROSE)
def test_no_canary_survives_in_any_surroundings(canary: str, before: str, after: str) -> None:
    assert canary not in redact(f"{before}\n{canary}\n{after}")


@given(CARDS | IBANS, st.lists(st.sampled_from(["my", "42", "ab12", "no", "7"]), max_size=4))
def test_no_number_survives_beside_words_that_look_like_its_parts(canary: str, words: list[str]) -> None:
    beside = " ".join(words)
    assert canary not in redact(f"{beside} {canary} {beside}")


@given(st.text(), st.text() | st.none())
def test_any_text_and_any_name_go_through(text: str, name: str | None) -> None:
    redact(text, name)


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=3, max_size=12), PROSE)
def test_no_name_survives(name: str, after: str) -> None:
    assume(name not in redact(after))
    assert name not in redact(f"Regards, {name}\n{after}", name).replace("[name]", "")


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


@settings(deadline=None)
@given(st.lists(CANARIES, min_size=1, max_size=3))
def test_no_canary_reaches_the_provider(fake: FakeGemini, canaries: list[str]) -> None:
    suggester = Suggester(LocalEngine(), Gateway(GeminiEngine("key", "gemini-test", fake.url)), timeout=20.0)
    for canary in canaries:
        suggester.suggest(f"About {canary}", f"Hello,\n{' and '.join(canaries)}\nJane Doe", requester_name="Jane Doe")
    sent = repr([request.body for request in fake.requests])
    fake.requests.clear()
    for canary in [*canaries, "Jane"]:
        assert canary not in sent


def test_redaction_can_be_switched_off(fake: FakeGemini) -> None:
    engine = GeminiEngine("key", "gemini-test", fake.url)
    Suggester(LocalEngine(), Gateway(engine, redacting=False), timeout=20.0).suggest("", "Write to jane@example.com")
    assert "jane@example.com" in repr(fake.requests.pop().body)
