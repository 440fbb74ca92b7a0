"""Machines for tests: network namespaces on one bridge, with a way to the services that listen on loopback alone.

A machine that is cut off is one whose cable was pulled: nobody is told, nothing is refused, packets are lost.
"""

import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

#: Meant for tests of networks, so nobody has a route to them (RFC 2544).
_ADDRESSES = IPv4Network("198.18.0.0/15")
#: ``/28``: the bridge, and machines enough.
_PREFIX = 28


@dataclass(frozen=True)
class Machine:
    """A network namespace with one cable, which ends at the bridge."""

    name: str
    _cable: str

    @property
    def prefix(self) -> list[str]:
        """What makes a command run there."""
        return ["ip", "netns", "exec", self.name]

    def cut_off(self) -> None:
        _ip("link", "set", self._cable, "down")

    def connect(self) -> None:
        _ip("link", "set", self._cable, "up")


class Network:
    """A bridge, machines at it, and forwarders from its address to services of this machine."""

    def __init__(self, machines: list[Machine], address: str, undo: ExitStack) -> None:
        self.machines = machines
        self.address = address
        self._undo = undo

    def url(self, url: str) -> str:
        """Return what the machines have to call the service at ``url``, a TCP port or a Unix socket."""
        parts = urlsplit(url)
        forwarder = self._undo.enter_context(_Forwarder(self.address, _target(parts)))
        user, at, _ = parts.netloc.rpartition("@")
        here = parts._replace(netloc=f"{user}{at}{self.address}:{forwarder.port}")
        if parts.scheme == "redis+socket":
            here = here._replace(scheme="redis", path="/0")
        elif parts.hostname is None:
            here = here._replace(path=f"/{Path(parts.path).name}")
        return here.geturl()


def missing() -> str:
    """Return what is missing here for machines; empty: nothing."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return "needs root and iproute2: apt-get install iproute2"
    try:
        with network(1):
            return ""
    except subprocess.CalledProcessError as error:
        return f"needs network namespaces: {' '.join(error.cmd)}: {error.stderr.strip()}"


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many machines, gone afterwards, whatever happens."""
    own = IPv4Network(
        (int(_ADDRESSES.network_address) + os.getpid() % 8192 * 16, _PREFIX)
    )  # two runs at once do not meet
    hosts = [f"{host}" for host in own.hosts()]
    label = f"sg{os.getpid()}"
    with ExitStack() as undo:
        bridge = f"{label}br"
        _make(undo, ("link", "add", bridge, "type", "bridge"), ("link", "del", bridge))
        _ip("addr", "add", f"{hosts[0]}/{_PREFIX}", "dev", bridge)
        _ip("link", "set", bridge, "up")
        machines = [_machine(undo, f"{label}n{number}", bridge, hosts[number]) for number in range(1, count + 1)]
        yield Network(machines, hosts[0], undo)


def _machine(undo: ExitStack, name: str, bridge: str, host: str) -> Machine:
    cable = f"{name}c"
    _make(undo, ("netns", "add", name), ("netns", "del", name))
    _make(undo, ("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name), ("link", "del", cable))
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", name, "addr", "add", f"{host}/{_PREFIX}", "dev", "eth0")
    _ip("-n", name, "link", "set", "eth0", "up")
    _ip("-n", name, "link", "set", "lo", "up")
    return Machine(name, cable)


def _make(undo: ExitStack, make: tuple[str, ...], end: tuple[str, ...]) -> None:
    _ip(*make)
    undo.callback(_ip_if_it_is_there, *end)


def _ip_if_it_is_there(*arguments: str) -> None:
    with suppress(subprocess.CalledProcessError):
        _ip(*arguments)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)  # noqa: S603, S607  of this module


def _target(parts: SplitResult) -> Callable[[], socket.socket]:
    """How the service itself is reached."""
    if parts.scheme == "redis+socket":
        return lambda: _unix(parts.path)
    if parts.scheme == "postgres" and parts.hostname is None:  # the socket's directory comes before the name
        directory = Path(unquote(parts.path)).parent
        return lambda: _unix(f"/{str(directory).lstrip('/')}/.s.PGSQL.5432")
    return lambda: socket.create_connection((parts.hostname, parts.port))


def _unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


class _Forwarder(socketserver.ThreadingTCPServer):
    """Listens at the bridge, and hands each connection on."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, target: Callable[[], socket.socket]) -> None:
        super().__init__((address, 0), _Forwarded)
        self.target = target

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> "_Forwarder":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Forwarded(socketserver.BaseRequestHandler):
    server: _Forwarder
    request: socket.socket

    def handle(self) -> None:
        with self.server.target() as service:
            back = threading.Thread(target=_pump, args=(service, self.request), daemon=True)
            back.start()
            _pump(self.request, service)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one, direction in ((source, socket.SHUT_RD), (sink, socket.SHUT_WR)):
        with suppress(OSError):
            one.shutdown(direction)
