import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import Mock

import pytest

from styleguide_example.embedded.environment import free_port, free_ports, is_listening


class TestFreePort:
    def test_is_the_preferred_one_when_it_is_free(self, port: int) -> None:
        assert free_port(port) == port

    def test_is_the_next_one_when_somebody_listens(self, port: int) -> None:
        with socket.create_server(("127.0.0.1", port)):
            found = free_port(port)

        assert port < found < port + 100

    def test_is_one_that_nobody_listens_on(self) -> None:
        assert not is_listening("127.0.0.1", free_port())


class _Machine:
    """One that gives its lowest free port again and again."""

    def __init__(self) -> None:
        self.held: set[int] = set()

    @contextmanager
    def create_server(self, _address: tuple[str, int]) -> Iterator[Mock]:
        port = next(port for port in range(1024, 65536) if port not in self.held)
        self.held.add(port)
        yield Mock(getsockname=lambda: ("127.0.0.1", port))
        self.held.remove(port)


class TestFreePorts:
    def test_are_each_another_one_on_whatever_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        machine = _Machine()
        monkeypatch.setattr(socket, "create_server", machine.create_server)
        assert free_ports(3) == [1024, 1025, 1026]
        assert not machine.held
