"""The mail server at the edge: takes what arrives, fails on command, and is the one who knows what arrived."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from faults.processes import wait_until
from styleguide_example.emails.tests.smtp_server import Received, SMTPServer


class Sink:
    """A scriptable server on one port for the whole run. ``server`` is what to script (``SMTPServer`` says how)."""

    def __init__(self, port: int) -> None:
        self.port = port
        #: Each message that was answered with 250, of all scenarios.
        self.arrivals: list[Received] = []
        self.server = self._started()

    def copies(self, domain: str) -> Counter[tuple[str, str]]:
        """How often each message arrived for each recipient in ``domain``: by recipient and Message-ID."""
        counted: Counter[tuple[str, str]] = Counter()
        for received in list(self.arrivals):
            recipients = [address for address in received.recipients if address.endswith(f"@{domain}")]
            if recipients:
                counted.update((address, received.message_id) for address in recipients)
        return counted

    def arrived(self, domain: str) -> int:
        """How many messages came for recipients in ``domain``, copies included."""
        ending = f"@{domain}"
        return sum(address.endswith(ending) for received in list(self.arrivals) for address in received.recipients)

    def wait_for(self, domain: str, count: int, *, seconds: float = 60) -> None:
        """Return as soon as so many came for ``domain``."""
        wait_until(lambda: self.arrived(domain) >= count, what=f"{count} e-mails for {domain}", seconds=seconds)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens inside this block."""
        self._stop()
        try:
            yield
        finally:
            self.server = self._started()

    def forget(self) -> None:
        """Of what arrived so far nobody asks any more: counting it again and again would slow down what comes."""
        self.arrivals.clear()

    def heal(self) -> None:
        """Forget what was scripted, and cut the connections that wait for an answer."""
        self._stop()
        self.server = self._started()

    def close(self) -> None:
        """End."""
        self._stop()

    def _started(self) -> SMTPServer:
        server = SMTPServer(self.port)
        server.received = self.arrivals
        return server.__enter__()

    def _stop(self) -> None:
        self.server.released.set()  # what was held goes on, and is answered
        self.server.__exit__(None, None, None)
