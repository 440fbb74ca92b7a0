"""Servers for tests that accept and help nobody: what a stopped, half-open or strict broker looks like from outside."""

import socket
import socketserver
import struct
import threading
from types import TracebackType
from typing import Self


class SilentServer(socketserver.ThreadingTCPServer):
    """Accepts, reads and never answers."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Silence)
        self.connections = 0
        self.stopped = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Silence(socketserver.BaseRequestHandler):
    server: SilentServer

    def handle(self) -> None:
        self.server.connections += 1
        self.server.stopped.wait()


class LoginRefused(SilentServer):
    """Speaks as much AMQP 0-9-1 as RabbitMQ does with a wrong password (its protocol, section 4.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _Refusing


class _Refusing(socketserver.BaseRequestHandler):
    server: LoginRefused

    def handle(self) -> None:
        self.server.connections += 1
        self.request.recv(8)  # "AMQP" and the version
        # Connection.Start: version 0-9, no properties, ways to sign in, languages
        self._say(10, 10, struct.pack(">BBI", 0, 9, 0) + _long_text(b"PLAIN") + _long_text(b"en_US"))
        self.request.recv(4096)
        # Connection.Close: 403, why, which method it was about
        self._say(10, 50, struct.pack(">HB", 403, 14) + b"ACCESS_REFUSED" + struct.pack(">HH", 0, 0))
        self.request.recv(4096)

    def _say(self, kind: int, method: int, arguments: bytes) -> None:
        payload = struct.pack(">HH", kind, method) + arguments
        self.request.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")


def _long_text(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


class Proxy(SilentServer):
    """Passes every byte on to ``target`` and back, until it is frozen: then it keeps connections and passes nothing."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        super().__init__()
        self.RequestHandlerClass = _Passing
        self.target = target
        self.frozen = threading.Event()


class _Passing(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        self.server.connections += 1
        target = self.server.target
        family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as behind:
            behind.connect(target)
            back = threading.Thread(target=self._pass_on, args=(behind, self.request), daemon=True)
            back.start()
            self._pass_on(self.request, behind)
            behind.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        while data := self._received(source):
            if self.server.frozen.is_set():
                self.server.stopped.wait()
                return
            target.sendall(data)

    @staticmethod
    def _received(source: socket.socket) -> bytes:
        try:
            return source.recv(65536)
        except OSError:
            return b""
