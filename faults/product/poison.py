"""An e-mail that crashes whoever sends it: at the sight of its address a process ends, as by a fault in C code."""

import os
import signal
import smtplib
from typing import Any

ADDRESS = b"<poison@"


def poison_kills() -> None:
    """From now on, in this process: Python's SMTP client is the last that sees the bytes."""
    send = smtplib.SMTP.send

    def send_or_die(self: smtplib.SMTP, s: Any) -> None:
        if ADDRESS in (s.encode() if isinstance(s, str) else bytes(s)):
            os.kill(os.getpid(), signal.SIGKILL)
        send(self, s)

    smtplib.SMTP.send = send_or_die  # type: ignore[method-assign]
