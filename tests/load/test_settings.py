"""The addresses of databases, as operators write them and as the drivers take them."""

import pytest

from config import ConfigError
from tests.conftest import settings_for
from ticketdesk.extensions import conninfo


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("postgresql://u:p%40@one:5433/name", "dbname=name user=u password=p@ host=one port=5433"),
        ("postgres://one/name", "dbname=name host=one"),
        ("postgresql+psycopg://u@/name?host=/a%20b&port=5432", "dbname=name user=u host='/a b' port=5432"),
        ("postgresql://u@[::1]/name?passfile=/x", "dbname=name user=u host=::1 passfile=/x"),
        (
            "postgresql://u:p%40@one:5432,two:5433/name?target_session_attrs=read-write",
            "dbname=name user=u password=p@ host=one,two port=5432,5433 target_session_attrs=read-write",
        ),
        ("postgresql://[::1]:1,[::2]:2/name", "dbname=name host=::1,::2 port=1,2"),
        ("postgresql://one,two:5433/name", "dbname=name host=one,two port=,5433"),
    ],
)
def test_an_address_reaches_the_driver_as_it_was_meant(written: str, taken: str) -> None:
    settings = settings_for(written, DATABASE_READ_URL=written)
    for url in (settings.database_url, settings.database_read_url):
        assert set(conninfo(url or "").split()) == set(taken.split())


@pytest.mark.parametrize(
    "written",
    [
        "one:5432/name",
        "mysql://u:a-secret-word@one/name",
        "postgresql://u:a-secret-word@one:port/name",
        "postgresql://u:a-secret-word%zz@one/name",
        "postgresql://u:a-secret-word@one/name?nonsense=1",
        "postgresql://u:a-secret-word@one:1,two:x/name",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_its_password(written: str) -> None:
    for name in ("DATABASE_URL", "DATABASE_READ_URL"):
        with pytest.raises(ConfigError, match=name) as refused:
            settings_for("postgresql://one/name", **{name: written})
        assert "a-secret-word" not in str(refused.value)
        assert "postgresql://user:password@host:5432/name" in str(refused.value)
