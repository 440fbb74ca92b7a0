"""A machine of its own for one process: a network namespace whose cable can be pulled and put back. Root only.

https://man7.org/linux/man-pages/man7/network_namespaces.7.html. Inside it, loopback is another one: what listens on
ours is reached at our end of the cable, where a relay passes every byte on.
"""

import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from faults.errors import FaultsError, MissingError
from styleguide_example.embedded.environment import HOST

#: For measurements between machines (RFC 2544): nobody's network.
_NETWORK = "198.18"


class Cable:
    """A context manager: a namespace with a cable to ``ports`` of this machine. Nothing of it is left at its end.

    ``command()`` and ``environment()`` turn those of a process into those of one that runs in there.

    Raises:
        MissingError: when this process may not make one.
    """

    def __init__(self, ports: Iterable[int]) -> None:
        self._ports = list(ports)
        number = self._ports[0] % 16384 * 4
        prefix = f"{_NETWORK}.{number >> 8}"
        self._name = f"faults{self._ports[0]}"
        self._our_end, self._their_end = f"fo{self._ports[0]}", f"ft{self._ports[0]}"
        self._network = f"{prefix}.{number & 0xFC}/30"
        self.address, self._their_address = f"{prefix}.{(number & 0xFC) + 1}", f"{prefix}.{(number & 0xFC) + 2}"
        self._relays: dict[int, _Relay] = {}
        self._undo = ExitStack()

    def command(self, command: str) -> str:
        """Return what starts ``command`` in there; it keeps its process id."""
        return f"{_program('nsenter')} --net=/run/netns/{self._name} {command}"

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return ``environment`` with our end of the cable wherever it names loopback and one of the ports."""
        changed = dict(environment)
        for port in self._ports:
            for name, value in changed.items():
                changed[name] = value.replace(f"{HOST}:{port}", f"{self.address}:{port}")
        return changed

    def connections(self, port: int) -> int:
        """How many connections lead from there to ``port`` at this moment."""
        return self._relays[port].open

    def pull(self) -> None:
        """Nothing comes through any more, and neither end is told."""
        _ip("link", "set", self._our_end, "down")

    def put_back(self) -> None:
        """Everything comes through again, also what was on its way."""
        _ip("link", "set", self._our_end, "up")

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._guard().communicate)
            _ip("netns", "add", self._name)
            _ip("link", "add", self._our_end, "type", "veth", "peer", "name", self._their_end, "netns", self._name)
            _ip("addr", "add", f"{self.address}/30", "dev", self._our_end)
            _ip("-n", self._name, "addr", "add", f"{self._their_address}/30", "dev", self._their_end)
            _ip("link", "set", self._our_end, "up")
            for end in (self._their_end, "lo"):
                _ip("-n", self._name, "link", "set", end, "up")
            # While our end is down its route is gone: what is sent there meanwhile must not leave by another one.
            _ip("route", "add", "blackhole", self._network, "metric", "999999")
            for port in self._ports:
                self._relays[port] = undo.enter_context(_Relay(self.address, port))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _guard(self) -> subprocess.Popen[bytes]:
        """It removes everything when this process closes the pipe or ends, however it ends."""
        ip = _program("ip")
        steps = f"{ip} route del blackhole {self._network}; {ip} link del {self._our_end}; {ip} netns del {self._name}"
        return subprocess.Popen(  # noqa: S603  our own
            ["/bin/sh", "-c", f"read _; {steps}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


class _Relay(socketserver.ThreadingTCPServer):
    """Listens at our end of the cable and passes everything on to the same port of loopback."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: str, port: int) -> None:
        super().__init__((address, port), _Passing)
        self.target = (HOST, port)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    @property
    def open(self) -> int:
        with self._lock:
            return len(self._connections) // 2

    def note(self, *connections: socket.socket) -> None:
        with self._lock:
            self._connections.update(connections)

    def forget(self, *connections: socket.socket) -> None:
        with self._lock:
            self._connections.difference_update(connections)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)


class _Passing(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as behind, suppress(OSError):
            behind.connect(self.server.target)
            for connection in (behind, self.request):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server.note(self.request, behind)
            try:
                back = threading.Thread(target=self._pass_on, args=(behind, self.request), daemon=True)
                back.start()
                self._pass_on(self.request, behind)
                back.join()
            finally:
                self.server.forget(self.request, behind)

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        """Until one of the two hangs up; then both are."""
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        _hang_up(source)
        _hang_up(target)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _ip(*arguments: str) -> None:
    command = [_program("ip"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own
    if done.returncode:
        raise FaultsError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"There is no {name} here: a network namespace needs it (apt-get install iproute2).")
    return found
