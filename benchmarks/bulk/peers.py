"""Who takes part: what is started for each, with how many processes and connections, and what its rows look like."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

CONTENDERS = "benchmarks.bulk.contenders"
PYTHON = sys.executable


@dataclass(frozen=True)
class Contender:
    """One way to send many e-mails.

    ``rate``: how many e-mails a second are expected at each latency, so that a cell takes about as long for all.
    """

    who: str
    title: str
    package: str
    processes: int
    connections: int
    rate: Mapping[str, float]
    workers: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    table: str = ""
    finished: str = ""  # which rows of the table are
    clear: tuple[str, ...] = ()
    uses_broker: bool = False
    is_embedded: bool = False
    full_of: int = 0  # finished rows that are there before
    has_sweep: bool = False  # to be called once a second, as its timetable does

    @property
    def driver(self) -> str:
        """Its module with the functions that are called."""
        return f"{CONTENDERS}.{self.package}.driver"

    @property
    def settings_module(self) -> str:
        """Its Django settings."""
        return self.settings or f"{CONTENDERS}.{self.package}.settings"


def resized(contender: Contender, *, processes: int | None, connections: int | None) -> Contender:
    """Return ours with other numbers, ``connections`` those of all processes together; a peer as it is."""
    if not contender.has_sweep or (processes is None and connections is None):
        return contender
    processes, connections = processes or contender.processes, connections or contender.connections
    sizes = {"CELERY_WORKER_CONCURRENCY": processes, "EMAIL_SENDING_CONNECTIONS": connections // processes}
    environment = {**contender.environment, **{name: str(size) for name, size in sizes.items()}}
    return replace(contender, processes=processes, connections=connections, environment=environment)


def _celery(package: str, processes: int) -> tuple[str, ...]:
    app = f"{CONTENDERS}.{package}.celery"
    return (
        *(PYTHON, "-m", "celery", "--quiet", "-A", app, "worker", "--loglevel=WARNING"),
        *(f"--concurrency={processes}", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


#: As the Procfile has it.
_OUR_WORKER = (
    *(PYTHON, "-m", "celery", "--quiet", "-A", "styleguide_example.tasks.celery", "worker"),
    *("--without-gossip", "--without-mingle"),
)
OURS = Contender(
    who="ours",
    title="this project, in bulk",
    package="ours",
    settings="config.django.base",
    processes=2,
    connections=64,
    rate={"0": 5000, "50": 1200, "relay": 560, "relay_pipelined": 880},
    workers=(_OUR_WORKER,),
    environment={"CELERY_WORKER_CONCURRENCY": "2", "EMAIL_SENDING_CONNECTIONS": "32", "DJANGO_DEBUG": "False"},
    table="emails_email",
    finished="status = 'sent'",
    clear=("TRUNCATE emails_email CASCADE",),
    uses_broker=True,
    has_sweep=True,
)
OURS_FULL = replace(
    OURS,
    who="ours_million",
    title="this project, beside 1,000,000 finished rows",
    full_of=1_000_000,
    finished="status = 'sent' AND id > 1000000",
    clear=("DELETE FROM emails_email WHERE id > 1000000", "VACUUM emails_email"),
)
OURS_EMBEDDED = replace(
    OURS,
    who="ours_embedded",
    title="this project, embedded profile",
    rate={"0": 2500, "50": 1000, "relay": 500, "relay_pipelined": 800},
    clear=("DELETE FROM emails_email",),
    is_embedded=True,
)
STYLEGUIDE = Contender(
    who="styleguide",
    title="the styleguide's pattern",
    package="styleguide",
    processes=4,
    connections=4,
    rate={"0": 140, "50": 55, "relay": 15, "relay_pipelined": 15},
    workers=(_celery("styleguide", 4),),
    table="styleguide_email",
    finished="status = 'SENT'",
    clear=("TRUNCATE styleguide_email", "TRUNCATE django_celery_results_taskresult"),
    uses_broker=True,
)
CELERY = Contender(
    who="celery",
    title="a Celery task per e-mail, no rows",
    package="celery_alone",
    processes=4,
    connections=4,
    rate={"0": 700, "50": 74, "relay": 15, "relay_pipelined": 15},
    workers=(_celery("celery_alone", 4),),
    uses_broker=True,
)
#: The floor for one e-mail by whoever wakes a worker by Celery and has a mark on the disk before the wire.
CELERY_MARKED = replace(
    CELERY,
    who="celery_marked",
    title="the least: a Celery task, one durable mark, message ready",
    environment={"IS_MARKED": "True"},
)
POST_OFFICE = Contender(
    who="post_office_default",
    title="django-post_office, default",
    package="post_office_queue",
    processes=1,
    connections=5,
    rate={"0": 1000, "50": 90, "relay": 40, "relay_pipelined": 40},
    table="post_office_email",
    finished="status = 0",
    clear=("TRUNCATE post_office_email CASCADE",),
)
POST_OFFICE_TUNED = replace(
    POST_OFFICE,
    who="post_office_tuned",
    title="django-post_office, tuned",
    processes=2,
    connections=64,
    rate={"0": 1900, "50": 800, "relay": 450, "relay_pipelined": 450},
    environment={"POST_OFFICE_PROCESSES": "2", "POST_OFFICE_THREADS": "32", "POST_OFFICE_BATCH_SIZE": "2000"},
)
MAILER = Contender(
    who="mailer",
    title="django-mailer",
    package="mailer_queue",
    processes=1,
    connections=1,
    rate={"0": 380, "50": 18, "relay": 4, "relay_pipelined": 4},
    table="mailer_messagelog",
    finished="result = '1'",
    clear=("TRUNCATE mailer_messagelog", "TRUNCATE mailer_message"),
)
PROCRASTINATE = Contender(
    who="procrastinate",
    title="procrastinate",
    package="procrastinate_queue",
    processes=4,
    connections=4,
    rate={"0": 300, "50": 60, "relay": 15, "relay_pipelined": 15},
    workers=((PYTHON, "-m", "django", "procrastinate", "worker"),) * 4,
    table="procrastinate_jobs",
    finished="status = 'succeeded'",
    clear=("TRUNCATE procrastinate_jobs CASCADE",),
)

ALL = (*(OURS, OURS_FULL, OURS_EMBEDDED, STYLEGUIDE, CELERY, POST_OFFICE, POST_OFFICE_TUNED, MAILER, PROCRASTINATE),)
