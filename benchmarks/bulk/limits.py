"""The limits: what the conversation alone allows, with the message ready in memory and nothing kept of what happened.

``python -m benchmarks.bulk.limits PORT COUNT MESSAGE_FILE`` sends over one connection with ``smtplib``.
"""

import smtplib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bulk.cells import Cell
from benchmarks.bulk.corpus import SENDER, address, letter
from benchmarks.bulk.sinks import Latency, Sink, compiled

GENERATOR_CONNECTIONS = 64
_HEAD = (
    "From: {sender}\r\nTo: <reader@example.net>\r\nSubject: {subject}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
)


@dataclass(frozen=True)
class Limit:
    """A client that does nothing but talk."""

    who: str
    title: str
    connections: int
    command: tuple[str, ...]
    rate: float  # where nothing waits

    def expected(self, latency: Latency) -> float:
        """Return about how many messages a second it will carry."""
        return min(self.rate, latency.limit(self.connections) or self.rate)


def limits(directory: Path, sink: Sink) -> list[Limit]:
    """Return those that this machine can run: without a C compiler there is one less."""
    message = directory / "message"
    new = letter(0)
    text = (
        _HEAD.format(sender=SENDER, subject=new.subject) + (new.html + new.plain_text).replace("\n", "\r\n") + ".\r\n"
    )
    message.write_bytes(text.encode())
    port = str(sink.port)
    python = (sys.executable, "-m", "benchmarks.bulk.limits", port, "{count}", str(message))
    found = [Limit("limit_smtplib", "limit: smtplib, message ready", 1, python, 6000)]
    generator = compiled("generator", directory)
    if generator is not None:
        many = GENERATOR_CONNECTIONS
        command = (str(generator), port, str(many), "{count}", str(message))
        found.append(Limit("limit_c", "limit: C, message ready", many, command, 28_000))
    return found


def limit_measure(limit: Limit, sink: Sink, latency: Latency, count: int) -> Cell:
    """Let it send so many."""
    sink.behave(latency)
    sink.reset()
    command = [part.format(count=count) for part in limit.command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    began, cpu = map(float, done.stdout.split())
    seen = sink.figures()
    seconds = seen["last"] - began
    return Cell(
        who=limit.who,
        latency=latency.name,
        emails=count,
        seconds=round(seconds, 3),
        emails_per_s=round(seen["accepted"] / seconds, 1),
        cpu_ms_per_email=round(cpu * 1000 / count, 3),
        postgresql_ms_per_email=0,
        smtp_connections=seen["open_most"],
        smtp_connections_opened=seen["connections"],
        lost=count - seen["distinct"],
        duplicates=seen["duplicates"],
        recorded=False,
    )


def _send(port: int, count: int, message_file: Path) -> None:
    text = message_file.read_bytes().removesuffix(b".\r\n")
    began, cpu = time.monotonic(), time.process_time()
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for number in range(count):
            smtp.sendmail("hello@example.com", [address(number)], b"Message-ID: <%d@limit>\r\n" % number + text)
    sys.stdout.write(f"{began:.6f} {time.process_time() - cpu:.6f}\n")


if __name__ == "__main__":
    _send(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
