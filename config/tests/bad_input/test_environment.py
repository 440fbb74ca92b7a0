"""What an operator writes into the environment. Read as at the start of a process, by the settings themselves."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import BASE_DIR
from config.tests.bad_input.checking import case, says
from config.tests.test_environment import EXPLAINED

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("production")]

SETTINGS = [*sorted((BASE_DIR / "config/settings").glob("*.py")), *sorted((BASE_DIR / "config/django").glob("*.py"))]
#: ``env.int("NAME"``
READ = re.compile(r"\benv\.(int|float|bool)\(\s*\"([A-Z][A-Z0-9_]*)\"")
#: Values that none of this type takes, with what is said. (A number below zero is none of ours, a bool has no other.)
WRONG = {
    "int": {"many": "write a whole number, as in", "2.5": "write a whole number, as in", "-1": "or more"},
    "float": {"5 minutes": "write a number, as in", "nan": "write a number, as in", "-0.5": "or more"},
    "bool": {"ture": "write True or False", "2": "write True or False"},
}
URL = "Write smtp+tls://user:password@host:587"
DATABASE = "Write sqlite:////absolute/path or postgres://user:password@host:5432/name"
BROKER = "Write redis://host:6379/0"
LIKE_THIS = "Write it like: default=50/s, 20 connections"
HOSTS = "Write names like app.example.com"
SECRET = "s3cr3t"


def _typed_values() -> Iterator[Any]:
    """Each wrong value of each variable that has a type."""
    for path in SETTINGS:
        for kind, name in READ.findall(path.read_text()):
            for value, advice in WRONG[kind].items():
                yield case(f"{value} for {name}", path, name, value, advice)


@pytest.mark.parametrize(("path", "name", "value", "advice"), list(_typed_values()))
def test_refuses(monkeypatch: pytest.MonkeyPatch, path: Path, name: str, value: str, advice: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is '{re.escape(value)}'") as raised:
        runpy.run_path(str(path))
    says(str(raised.value), advice, ".env.example")


@pytest.mark.parametrize(
    ("module", "name", "value", "advice"),
    [
        case("no worker process", "settings/celery", "CELERY_WORKER_CONCURRENCY", "0", "write 1 or more"),
        case("no time for a task", "settings/celery", "CELERY_TASK_TIME_LIMIT_SECONDS", "0", "write 1 or more"),
        case("no time for a mail server", "settings/email_sending", "EMAIL_TIMEOUT_SECONDS", "0", "write 1 or more"),
        case("no attempt", "settings/email_sending", "EMAIL_SENDING_MAX_ATTEMPTS", "0", "write 1 or more"),
        case("no connection", "settings/email_sending", "EMAIL_SENDING_CONNECTIONS", "0", "write 1 or more"),
        case("no lease", "settings/email_sending", "EMAIL_SENDING_LEASE_SECONDS", "0", "write 1 or more"),
        case("faults beyond all", "settings/email_sending", "EMAIL_SENDING_FAILURE_RATE", "20", "write 1 or less"),
        case("no window of attempts", "settings/sign_up", "RATE_LIMIT_WINDOW_SECONDS", "0", "write 1 or more"),
        case("a heartbeat without end", "settings/jobs", "JOB_HEARTBEAT_SECONDS", "0", "write 0.1 or more"),
        case("e-mails by nought", "settings/announcements", "ANNOUNCEMENT_BATCH_SIZE", "0", "write 1 or more"),
        case("a level that there is not", "settings/logging", "LOG_LEVEL", "LOUD", "write one of DEBUG, INFO"),
        case("a level in small letters", "settings/logging", "LOG_LEVEL", "info", "write one of DEBUG, INFO"),
        case("a format that there is not", "settings/logging", "LOG_FORMAT", "xml", "write one of console, json"),
        case("a database that is a word", "settings/database", "DATABASE_URL", "postgres", DATABASE),
        case("another database", "settings/database", "DATABASE_URL", f"mysql://app:{SECRET}@db/app", DATABASE),
        case("a database without a name", "settings/database", "DATABASE_URL", f"postgres://app:{SECRET}@db", DATABASE),
        case(
            "a database at no port", "settings/database", "DATABASE_URL", f"postgres://app:{SECRET}@db:x/app", DATABASE
        ),
        case(
            "a slash in a database's password",
            "settings/database",
            "DATABASE_URL",
            f"postgres://app:{SECRET}/1@db/app",
            DATABASE,
        ),
        case(
            "a database in no folder",
            "settings/database",
            "DATABASE_URL",
            "sqlite:////nowhere/db.sqlite3",
            "there is no folder /nowhere. Make it",
        ),
        case("a broker that is a word", "settings/celery", "CELERY_BROKER_URL", "rabbitmq", BROKER),
        case("a broker that loses messages", "settings/celery", "CELERY_BROKER_URL", "filesystem://", BROKER),
        case("a web page for a broker", "settings/celery", "CELERY_BROKER_URL", f"https://app:{SECRET}@broker", BROKER),
        case("a broker at no port", "settings/celery", "CELERY_BROKER_URL", f"amqp://app:{SECRET}@broker:x/", BROKER),
        case("one broker of two", "settings/celery", "CELERY_BROKER_URL", "amqp://a//;b", BROKER),
        case("a mail server that is a word", "settings/email_sending", "EMAIL_URL", "mail.example.com", URL),
        case("a web page for a mail server", "settings/email_sending", "EMAIL_URL", f"https://a:{SECRET}@mail", URL),
        case("a mail server at no port", "settings/email_sending", "EMAIL_URL", f"smtp://a:{SECRET}@mail:x", URL),
        case("a number sign in a password", "settings/email_sending", "EMAIL_URL", f"smtp://a:{SECRET}#1@mail", URL),
        case(
            "a mail server without alias",
            "settings/email_sending",
            "EMAIL_SERVERS",
            f"smtp://a:{SECRET}@b",
            "part 1 must read alias=value",
        ),
        case(
            "an alias in capitals",
            "settings/email_sending",
            "EMAIL_SERVERS",
            "BIG=smtp://b",
            "part 1 must read alias=value",
        ),
        case(
            "a comma in a password",
            "settings/email_sending",
            "EMAIL_SERVERS",
            f"b=smtp://a:{SECRET},x@b",
            "A comma within a password is written %2C",
        ),
        case("one alias twice", "settings/email_sending", "EMAIL_SERVERS", "b=smtp://b,b=smtp://c", "names 'b' twice"),
        case(
            "the default server again",
            "settings/email_sending",
            "EMAIL_SERVERS",
            "default=smtp://b",
            "which is the server of EMAIL_URL",
        ),
        case(
            "a fallback that there is not",
            "settings/email_sending",
            "EMAIL_FALLBACKS",
            "default=b",
            "name one of default",
        ),
        case("a fallback of nobody", "settings/email_sending", "EMAIL_FALLBACKS", "b=default", "name one of default"),
        case("half a fallback", "settings/email_sending", "EMAIL_FALLBACKS", "default", "part 1 must read alias=value"),
        case("a limit of words", "settings/email_limits", "EMAIL_LIMITS", "default=slowly", LIKE_THIS),
        case("a limit without a server", "settings/email_limits", "EMAIL_LIMITS", "50/s", "it has no '='"),
        case(
            "a limit of nothing", "settings/email_limits", "EMAIL_LIMITS", "default=0/s", "nothing would ever be sent"
        ),
        case(
            "a limit a day",
            "settings/email_limits",
            "EMAIL_LIMITS",
            "default=50/day",
            "neither like '50/s' (or /min, /h)",
        ),
        case("a limit below zero", "settings/email_limits", "EMAIL_LIMITS", "default=-5/s", LIKE_THIS),
        case("two rates", "settings/email_limits", "EMAIL_LIMITS", "default=5/s, 6/s", "it says the same thing twice"),
        case(
            "a server with two limits",
            "settings/email_limits",
            "EMAIL_LIMITS",
            "default=5/s; default=6/s",
            "has its limit already",
        ),
        case("a limit of another server", "settings/email_limits", "EMAIL_LIMITS", "b=5/s", "name one of default"),
        case(
            "a limit of no domain",
            "settings/email_limits",
            "EMAIL_LIMITS",
            "default/a b=5/s",
            "neither a domain nor '*'",
        ),
        case("a host with its scheme", "django/base", "ALLOWED_HOSTS", "https://app.example.com", HOSTS),
        case("a host with its port", "django/base", "ALLOWED_HOSTS", "app.example.com:8000", HOSTS),
        case("hosts without a comma", "django/base", "ALLOWED_HOSTS", "a.example.com b.example.com", HOSTS),
        case(
            "links without a scheme",
            "django/base",
            "APP_BASE_URL",
            "app.example.com",
            "write it like https://app.example.com",
        ),
        case("links to no host", "django/base", "APP_BASE_URL", "https://", "write it like https://app.example.com"),
        case(
            "links to no port", "django/base", "APP_BASE_URL", "https://app:x", "write it like https://app.example.com"
        ),
        case(
            "a search without a place for the words",
            "settings/logging",
            "LOG_SEARCH_URL",
            "https://logs.example.com/",
            "LOG_SEARCH_URL cannot be read: write it like https://logs.example.com/search?q={query}",
        ),
        case(
            "figures for whoever guesses",
            "settings/operations",
            "METRICS_TOKEN",
            SECRET,
            "METRICS_TOKEN is shorter than 32 characters: write what `openssl rand -hex 32` says",
        ),
        case("a key that everybody knows", "django/production", "SECRET_KEY", "", "Production needs SECRET_KEY"),
        case("no queue", "django/production", "CELERY_BROKER_URL", "", "Production needs CELERY_BROKER_URL"),
        case(
            "a file that is not there",
            "env",
            "ENV_FILE",
            "/nowhere/environment",
            "there is no such file: write where it is",
        ),
    ],
)
def test_refuses_to_start_with(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, value: str, advice: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as raised:
        runpy.run_path(str(BASE_DIR / f"config/{module}.py"))
    says(str(raised.value), name, advice)
    assert SECRET not in str(raised.value)


def test_every_variable_has_its_line() -> None:
    table = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    typed = {name for path in SETTINGS for _, name in READ.findall(path.read_text())}
    free = {"CELERY_TASK_DEFAULT_QUEUE"}  # any text is the name of a queue
    explained = set(EXPLAINED.findall((BASE_DIR / ".env.example").read_text()))
    assert {name for name in explained - typed - free if f'"{name}"' not in table and f"{name}:" not in table} == set()
