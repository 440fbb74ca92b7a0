"""A real network namespace: what is in there reaches us through its cable, and only while that is plugged in."""

import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from faults.cables import Cable
from faults.processes import wait_until

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace"),
]

#: Says each line to the server, and what it answered.
CLIENT = """
import socket, sys
with socket.create_connection(sys.argv[1].rsplit(":", 1), timeout=60) as server:
    for line in sys.stdin:
        server.sendall(line.encode())
        print(server.recv(100).decode(), end="", flush=True)
"""


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server on loopback."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def cable(port: int) -> Iterator[Cable]:
    with Cable([port]) as cable:
        yield cable


@pytest.fixture
def client(cable: Cable, port: int) -> "Iterator[subprocess.Popen[str]]":
    """On the other machine, connected."""
    server = cable.environment({"SERVER": f"127.0.0.1:{port}"})["SERVER"]
    command = "exec " + cable.command(f"{sys.executable} -c '{CLIENT}' {server}")
    with subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:  # noqa: S602
        assert _echo(client, "one") == "ONE\n"
        yield client
        client.kill()


def _echo(client: "subprocess.Popen[str]", word: str) -> str:
    _say(client, word)
    assert client.stdout
    return client.stdout.readline()


def _say(client: "subprocess.Popen[str]", word: str) -> None:
    assert client.stdin
    client.stdin.write(f"{word}\n")
    client.stdin.flush()


def test_counts_the_connections_from_there(client: "subprocess.Popen[str]", cable: Cable, port: int) -> None:
    assert cable.connections(port) == 1
    client.kill()
    wait_until(lambda: cable.connections(port) == 0, what="the end of the connection")


def test_lets_nothing_through_while_it_is_pulled_and_then_what_was_on_its_way(
    client: "subprocess.Popen[str]", cable: Cable, port: int
) -> None:
    assert client.stdout
    answers: list[str] = []
    cable.pull()
    _say(client, "two")
    reader = threading.Thread(target=lambda: answers.append(client.stdout.readline()))  # type: ignore[union-attr]
    reader.start()
    reader.join(0.5)
    assert answers == []
    assert cable.connections(port) == 1
    cable.put_back()
    reader.join(60)
    assert answers == ["TWO\n"]


def test_leaves_nothing_behind(port: int) -> None:
    cable = Cable([port])
    with cable:
        assert {name for name in _names(cable) if _lines(name)} == _names(cable)
    assert [line for name in _names(cable) for line in _lines(name)] == []


def _names(cable: Cable) -> set[str]:
    """Of this one alone: other tests may have theirs at the same time."""
    return {cable._name, cable._our_end, cable._network}


def _lines(name: str) -> list[str]:
    asked = (["ip", "netns", "list"], ["ip", "-o", "link"], ["ip", "route"])
    said = (subprocess.run(each, capture_output=True, text=True, check=True).stdout for each in asked)  # noqa: S603
    return [line for text in said for line in text.splitlines() if name in line]
