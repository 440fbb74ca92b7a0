"""A file in which bodies leave a line for each thing done: it outlives their process, their row and their broker."""

import os
from pathlib import Path

from django.conf import settings


def diary_note(line: str) -> None:
    """Append a line: one write, so that two processes do not mix theirs."""
    file = os.open(Path(settings.VAR_DIR) / "diary", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
