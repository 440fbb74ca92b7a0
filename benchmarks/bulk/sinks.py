"""The mail server that everybody sends to: compiled where there is a C compiler, in Python where there is none."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Latency:
    """How slow the mail server is, in milliseconds; ``together``: pipelined commands wait once, not each."""

    name: str
    connection_ms: float = 0
    command_ms: float = 0
    message_ms: float = 0
    together: bool = False

    def limit(self, connections: int) -> float | None:
        """Return how many messages a second so many kept connections can carry, or None where only the CPU limits."""
        commands = 1 if self.together else 3  # MAIL, RCPT, DATA
        seconds = (commands * self.command_ms + self.message_ms) / 1000
        return connections / seconds if seconds else None


FAST = Latency("0")
SLOW = Latency("50", message_ms=50)
#: As a relay on the other side of a network is: each command waits, pipelined or not.
RELAY = Latency("relay", connection_ms=100, command_ms=20, message_ms=50)
#: The same where the network is slow rather than the server: commands that come together are answered together.
RELAY_PIPELINED = Latency("relay_pipelined", connection_ms=100, command_ms=20, message_ms=50, together=True)


class Sink:
    """A running mail server. ``port`` is for SMTP; what it saw since the last reset is in :meth:`figures`."""

    def __init__(self, *, in_python: bool = False) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bench-sink-")
        command = None if in_python else _compiled(Path(self._directory.name))
        self.is_compiled = command is not None
        self._process = subprocess.Popen(  # noqa: S603  our own server
            [*(command or [sys.executable, "-m", "benchmarks.bulk.sink_asyncio"]), "0", "0"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._ports = cast("IO[str]", self._process.stdout)
        self.port, control = map(int, self._ports.readline().split())
        self._control = socket.create_connection(("127.0.0.1", control), timeout=10)
        self._lines = self._control.makefile("r")

    def behave(self, latency: Latency, *, transient: float = 0, permanent: float = 0, cut: float = 0) -> None:
        """From now on be so slow, and let these shares of the messages fail."""
        values = {
            **{name: getattr(latency, name) for name in ("connection_ms", "command_ms", "message_ms")},
            "together": int(latency.together),
            "transient": transient,
            "permanent": permanent,
            "cut": cut,
        }
        for name, value in values.items():
            self._ask(f"set {name} {value}")

    def reset(self) -> None:
        """Forget what was seen, and hang up on everybody."""
        self._ask("reset")

    def figures(self) -> dict[str, Any]:
        """Return what was seen since the last reset; moments are comparable with ``time.monotonic()``."""
        figures: dict[str, Any] = json.loads(self._ask("figures"))
        return figures

    def accepted_at(self, address: str) -> float:
        """Return when a message for this address was taken, 0 if none was."""
        return float(self._ask(f"accepted {address}"))

    def stop(self) -> None:
        """End it."""
        self._lines.close()
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._ports.close()
        self._directory.cleanup()

    def _ask(self, line: str) -> str:
        self._control.sendall(f"{line}\n".encode())
        answer = self._lines.readline().strip()
        if answer in ("", "unknown"):
            raise RuntimeError(f"The mail server does not know {line!r}.")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def compiled(name: str, directory: Path) -> Path | None:
    """Return the program made of ``name``.c, or None where there is no C compiler that makes it."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    program = directory / name
    command = [compiler, "-O2", "-o", str(program), str(HERE / f"{name}.c"), "-lpthread"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  our own source
    return program if done.returncode == 0 else None


def _compiled(directory: Path) -> list[str] | None:
    program = compiled("sink", directory)
    return None if program is None else [str(program)]
