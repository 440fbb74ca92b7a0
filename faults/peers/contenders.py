"""Who takes part: what is started, and how their rows are read. What they run is in ``faults/contenders``."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.errors import MissingError
from faults.processes import ROOT
from styleguide_example.embedded.stack import product_commands

PROJECTS = "faults.contenders"
#: Where the packages of the peers are installed: nothing else needs them.
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_EXAMPLE = "https://github.com/HackSoftware/Django-Styleguide-Example/blob/master"
_README = "https://github.com/ui/django-post_office"
_WEB = "gunicorn 'django.core.wsgi:get_wsgi_application()' --bind ${BIND}:${PORT} --workers 2 --threads 4"
_OPTIONS = "--loglevel=INFO --without-gossip --without-mingle"


@dataclass(frozen=True)
class Contender:
    """One way to send e-mails. ``table``, ``address``, ``is_open``, ``is_failed`` are SQL about its rows.

    ``settles_seconds``: when nothing has moved for so long, nothing will, by the longest of its own intervals.
    """

    who: str
    title: str
    python: Path
    commands: Mapping[str, str]
    table: str
    address: str
    is_open: str
    is_failed: str
    settles_seconds: float
    #: More than one fires every schedule more than once, unless they know of each other.
    beats: int = 1
    #: How it is configured, for people, with its source.
    configured: str = ""

    @property
    def settings(self) -> str:
        """Its Django settings."""
        return f"{PROJECTS}.{self.who}.settings"

    @property
    def asking(self) -> str:
        """The module by which it is asked for e-mails."""
        return f"{PROJECTS}.{self.who}.asking"


OURS = Contender(
    who="ours",
    title="this project",
    python=Path(sys.executable),
    commands=product_commands(),
    table="emails_email",
    address='"to"->>0',
    is_open="status = 'sending'",
    is_failed="status = 'failed'",
    settles_seconds=40,
    beats=2,
    configured="as the Procfile has it, with the times of the fault suite: a fifteenth of those of a deployment.",
)
STYLEGUIDE = Contender(
    who="styleguide",
    title="the styleguide's pattern",
    python=PEERS_PYTHON,
    commands={
        "web": _WEB,
        "worker": f"celery -A benchmarks.bulk.contenders.styleguide.celery worker {_OPTIONS}",
    },
    table="styleguide_email",
    address='"to"',
    is_open="status = 'SENDING'",
    is_failed="status = 'FAILED'",
    settles_seconds=8,  # it tries again after five
    beats=0,
    configured=(
        "a row, `on_commit`, a task for each e-mail that is tried again three times after five seconds, and "
        "`on_failure`, as in its "
        f"[tasks]({_EXAMPLE}/styleguide_example/emails/tasks.py) and "
        f"[services]({_EXAMPLE}/styleguide_example/emails/services.py); results in the database and Celery's defaults "
        f"else, as in its [settings]({_EXAMPLE}/config/settings/celery.py). Its time limits of 20 and 30 seconds are 5 "
        "and 6 here, as ours."
    ),
)
POST_OFFICE = Contender(
    who="post_office",
    title="django-post_office",
    python=PEERS_PYTHON,
    commands={
        "web": _WEB,
        "worker": f"celery -A {PROJECTS}.post_office.celery worker {_OPTIONS}",
        "beat": f"celery -A {PROJECTS}.post_office.celery beat --loglevel=INFO --pidfile= --schedule=${{VAR_DIR}}/beat",
    },
    table="post_office_email",
    address='"to"',
    is_open="status IS NULL OR status IN (2, 3)",  # queued, requeued
    is_failed="status = 1",
    settles_seconds=38,  # its retry interval, the timetable, and a batch
    configured=(
        f"`CELERY_ENABLED` with the periodic task beside it, as its README says under "
        f"[Integration with Celery]({_README}#integration-with-celery), every ten seconds instead of ten minutes; "
        f"`MAX_RETRIES` 4 as under [Retry]({_README}#retry), after 15 seconds instead of 15 minutes; "
        "`BATCH_DELIVERY_TIMEOUT` 12 seconds instead of 180; `MESSAGE_ID_ENABLED`; else its defaults."
    ),
)
ALL = (OURS, STYLEGUIDE, POST_OFFICE)


def peers_check() -> None:
    """Raises: MissingError: when the packages of the peers are not installed."""
    if not PEERS_PYTHON.exists():
        raise MissingError('The peers are installed apart: `make faults ARGS="--peers"` does it, or any `make bench`.')
