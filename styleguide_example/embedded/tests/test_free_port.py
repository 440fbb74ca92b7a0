import socket

from styleguide_example.embedded.environment import free_port, is_listening


class TestFreePort:
    def test_is_the_preferred_one_when_it_is_free(self, port: int) -> None:
        assert free_port(port) == port

    def test_is_the_next_one_when_somebody_listens(self, port: int) -> None:
        with socket.create_server(("127.0.0.1", port)):
            found = free_port(port)

        assert port < found < port + 100

    def test_is_one_that_nobody_listens_on(self) -> None:
        assert not is_listening("127.0.0.1", free_port())
