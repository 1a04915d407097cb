"""Kept connections: how the web server goes from one request to the next, and from one connection to another."""

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from tests.conftest import cloned
from tests.load.serving import Desk, serving
from tests.processes.watch import PATIENCE
from ticketdesk import embedded

pytestmark = pytest.mark.processes

ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
THREADS = 2


@pytest.fixture(scope="module")
def desk(
    cluster: embedded.Cluster, template: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk with one web process of two threads."""
    with (
        cloned(cluster, template, f"connections_{worker_id}") as url,
        serving(url, tmp_path_factory.mktemp("desk"), WEB_WORKERS="1", WEB_THREADS=str(THREADS)) as desk,
    ):
        yield desk


@pytest.fixture
def connections(desk: Desk) -> Iterator[list[socket.socket]]:
    """More connections than there are threads."""
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", desk.port)
        yield [stack.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(3 * THREADS)]


def is_answered(connection: socket.socket) -> bool:
    """Whether the next answer is a good one, after which the connection is kept."""
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status == 200 and not answer.will_close


def test_more_connections_than_threads_are_answered_in_every_order(connections: list[socket.socket]) -> None:
    for order in (connections, connections[::-1], connections * 2):
        for connection in order:
            connection.sendall(ASK)
            assert is_answered(connection)
        for connection in connections:
            connection.sendall(ASK)
        assert all(is_answered(connection) for connection in order[: len(connections)])


def test_half_a_request_holds_up_nobody_else(connections: list[socket.socket]) -> None:
    slow, *others = connections
    slow.sendall(ASK)
    assert is_answered(slow)
    slow.sendall(ASK[:10])
    for connection in others:
        connection.sendall(ASK)
        assert is_answered(connection)
    slow.sendall(ASK[10:])
    assert is_answered(slow)
