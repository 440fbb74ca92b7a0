"""What the tests of one machine share: a mailbox of their own, and a way to find what was left running."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from styleguide_example.embedded.environment import free_port
from styleguide_example.embedded.mailbox import caught_add, mailbox_directory

Catch = Callable[..., str]
HTML = '<!doctype html><html><head><title>A</title></head><body><a href="/confirm/">Confirm</a></body></html>'


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Shorter than pytest's own: the path of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="styleguide-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()


@pytest.fixture
def directory(settings: Settings, tmp_path: Path) -> Path:
    """The mailbox of a development machine, empty."""
    settings.DEBUG = True
    settings.VAR_DIR = tmp_path
    return mailbox_directory(tmp_path)


@pytest.fixture
def catch(directory: Path) -> Catch:
    """Puts a message into the mailbox, without SMTP, and returns its key."""

    def add(
        *,
        to: str = "ada@example.com",
        subject: str = "Welcome",
        text: str = "Hello",
        html: str = "",
        message_id: str = "",
    ) -> str:
        message = EmailMessage()
        if message_id:
            message["Message-ID"] = message_id
        message["From"], message["To"], message["Subject"] = "hello@example.com", to, subject
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        return caught_add(
            directory, envelope_from="hello@example.com", envelope_to=[to], source=message.as_bytes(policy=SMTP)
        )

    return add


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return free_port()


@pytest.fixture
def processes_of(tmp_path: Path) -> Iterator[Callable[[Path], list[str]]]:
    """Lists the command lines of the processes whose VAR_DIR is a directory; whoever is left at the end is killed."""
    found: dict[int, psutil.Process] = {}

    def processes(var_dir: Path) -> list[str]:
        found.update({process.pid: process for process in psutil.process_iter() if _var_dir(process) == str(var_dir)})
        lines = [_line_of_living(process) for process in found.values()]
        return [line for line in lines if line is not None]

    yield processes
    for process in found.values():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _var_dir(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("VAR_DIR")
    except psutil.Error:  # ended meanwhile, or somebody else's
        return None


def _line_of_living(process: psutil.Process) -> str | None:
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return " ".join(process.cmdline())
    except psutil.Error:  # ended meanwhile
        return None
