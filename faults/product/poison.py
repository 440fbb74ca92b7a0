"""An e-mail that crashes whoever sends it: at the sight of its address a process ends, as by a fault in C code."""

import os
import signal
import smtplib
from typing import Any

import psutil

from faults.product.diary import diary_note

ADDRESS = b"<poison@"


def poison_kills() -> None:
    """From now on, in this process: Python's SMTP client is the last that sees the bytes.

    The diary says how many connections to the mail server die with it.
    """
    send = smtplib.SMTP.send

    def send_or_die(self: smtplib.SMTP, s: Any) -> None:
        if ADDRESS in (s.encode() if isinstance(s, str) else bytes(s)):
            port = self.sock.getpeername()[1]  # type: ignore[union-attr]  # it is about to be written to
            others = [
                each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port
            ]
            diary_note(f"poisoned {len(others)}")
            os.kill(os.getpid(), signal.SIGKILL)
        send(self, s)

    smtplib.SMTP.send = send_or_die  # type: ignore[method-assign]
