"""What an operator types after ``manage.py``."""

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import ManagementUtility
from django.db import connections
from pytest_django import Settings

from config.env import BASE_DIR
from config.tests.bad_input.checking import case, nothing_changes, says
from styleguide_example.jobs.tests.factories import JobFactory, kind_known
from styleguide_example.tasks.tests.factories import by_hand
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.users.tests.factories import user_onboarded

SYNC = "setup_periodic_tasks"
ADA = "ada@example.com"
#: Exit codes: argparse's for what cannot be a command, and ours for what is refused.
WRONG, REFUSED = 2, 1


@pytest.fixture
def product(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody, a job that waits, and a schedule that has the name of an entry but is somebody's own."""
    settings.CELERY_TASK_DEFAULT_QUEUE = "celery"
    # The test's transaction lives on the connection that a command closes when it has ended.
    monkeypatch.setattr(connections, "close_all", lambda: None)
    monkeypatch.setattr(sys, "stdin", StringIO())  # nobody is there
    user_onboarded(email=ADA)
    by_hand(TIMETABLE[0].name)
    with kind_known("count"):
        JobFactory.create()
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("product")
@pytest.mark.parametrize(
    ("words", "code", "fragments"),
    [
        case(
            "no such command", "setup_periodic_task", REFUSED, ["Unknown command", "Did you mean setup_periodic_tasks?"]
        ),
        case(
            "an option that there is not", f"{SYNC} --enforce", WRONG, ["usage:", "unrecognized arguments: --enforce"]
        ),
        case("a word too many", f"{SYNC} now", WRONG, ["usage:", "unrecognized arguments: now"]),
        case("half an option", f"{SYNC} --re-set", WRONG, ["unrecognized arguments: --re-set"]),
        case(
            "a winner that there is not",
            f"{SYNC} --on-conflict me",
            WRONG,
            ["--on-conflict", "'me'", "'admin', 'code'"],
        ),
        case("no winner", f"{SYNC} --on-conflict", WRONG, ["--on-conflict: expected one argument"]),
        case("a format that there is not", f"{SYNC} --format xml", WRONG, ["--format", "'xml'", "'text', 'json'"]),
        case("all without a reset", f"{SYNC} --all", REFUSED, ["run --reset --all"]),
        case("all to be adopted", f"{SYNC} --reset --all --adopt", REFUSED, ["nothing left to --adopt"]),
        case("a reset and a winner", f"{SYNC} --reset --on-conflict code", REFUSED, ["leave out --on-conflict"]),
        case("JSON and a question", f"{SYNC} --reset --all --format json", REFUSED, ["add --no-input"]),
        case(
            "a question that nobody hears",
            f"{SYNC} --reset --all",
            REFUSED,
            ["Answer 'yes', or run it with --no-input"],
        ),
        case("a name that somebody took", SYNC, REFUSED, ["Nothing was changed.", TIMETABLE[0].name, "--adopt"]),
        case("a name that somebody took, asked before", f"{SYNC} --dry-run", REFUSED, [TIMETABLE[0].name, "--adopt"]),
        case("a name that somebody took, checked", f"{SYNC} --check", REFUSED, [TIMETABLE[0].name, "--adopt"]),
        case(
            "a verbosity that there is not", f"{SYNC} --verbosity 4", WRONG, ["--verbosity", "choose from 0, 1, 2, 3"]
        ),
        case("no word for the jobs", "jobs", WRONG, ["required", "status | pause | resume | purge"]),
        case("a word that there is not", "jobs stop", WRONG, ["'stop'", "'status', 'pause', 'resume', 'purge'"]),
        case("a pause of nothing", "jobs pause", WRONG, ["one of the arguments --queue --kind is required"]),
        case(
            "a pause of two things",
            "jobs pause --kind count --queue celery",
            WRONG,
            ["--queue: not allowed with", "--kind"],
        ),
        case("a pause of a kind without name", "jobs pause --kind", WRONG, ["--kind: expected one argument"]),
        case("a pause of an empty name", ["jobs", "pause", "--kind", ""], REFUSED, ["Give a name."]),
        case(
            "a pause of a kind that there is not", "jobs pause --kind cuont", REFUSED, ["'cuont'", "Declared:", "count"]
        ),
        case("a pause of a queue that there is not", "jobs pause --queue slwo", REFUSED, ["'slwo'. There are celery"]),
        case("a resumption of what there is not", "jobs resume --kind cuont", REFUSED, ["'cuont'", "Declared:"]),
        case("a purge of what there is not", "jobs purge --queue slwo --yes", REFUSED, ["'slwo'. There are celery"]),
        case("a purge that nobody confirms", "jobs purge --kind count", REFUSED, ["Nothing was changed.", "add --yes"]),
        case("a yes where nothing is asked", "jobs pause --kind count --yes", WRONG, ["unrecognized arguments: --yes"]),
        case("an option of the status", "jobs status --kind count", WRONG, ["unrecognized arguments: --kind count"]),
        case("a token for nobody", "api_token_create", WRONG, ["required: email, --name"]),
        case("a token without a name", f"api_token_create {ADA}", WRONG, ["required: --name"]),
        case(
            "a token for a stranger",
            "api_token_create bob@example.com --name x",
            REFUSED,
            ["Nobody has the address bob@example.com"],
        ),
        case("a token of an empty name", ["api_token_create", ADA, "--name", ""], REFUSED, ["name", "cannot be blank"]),
        case(
            "a token of a long name",
            f"api_token_create {ADA} --name {'x' * 101}",
            REFUSED,
            ["name", "at most 100 characters"],
        ),
        case(
            "a token of no days",
            f"api_token_create {ADA} --name x --days 0",
            REFUSED,
            ["lives for 1 to 365 days, not 0"],
        ),
        case(
            "a token for ten years",
            f"api_token_create {ADA} --name x --days 3650",
            REFUSED,
            ["lives for 1 to 365 days"],
        ),
        case(
            "days in words", f"api_token_create {ADA} --name x --days ten", WRONG, ["--days: invalid int value: 'ten'"]
        ),
        case("an end of no token", "api_token_revoke", WRONG, ["required: token"]),
        case(
            "an end of a token that there is not",
            "api_token_revoke sge_x",
            REFUSED,
            ["Write its beginning as the admin shows"],
        ),
        case("a demo of nobody", "demo_account", WRONG, ["required: --people"]),
        case("a demo of some people", "demo_account --people some", WRONG, ["--people: invalid int value: 'some'"]),
        case("a demo whose schedule somebody took", "demo_account --people 3", REFUSED, [TIMETABLE[0].name, "--adopt"]),
        case("a demo administrator in production", "demo_admin", REFUSED, ["manage.py createsuperuser"]),
        case("an e-mail to nobody", "email_send --subject x --text y", WRONG, ["one of the arguments --to --to-file"]),
        case("an e-mail of nothing", f"email_send --to {ADA}", REFUSED, ["--template, or --subject and --text"]),
        case(
            "an e-mail from a template that there is not",
            f"email_send --to {ADA} --template wellcome",
            REFUSED,
            ["Nothing was written", "emails/wellcome"],
        ),
        case("the life of an e-mail that there is not", "email_status 17", REFUSED, ["no e-mail '17'"]),
        case("the life of a job that there is not", "job_status 17", REFUSED, ["no job '17'"]),
        case("no word for the schedules", "schedules", WRONG, ["required: next"]),
        case("a check that there is not", "doctor --only databse", WRONG, ["'databse'", "'database'"]),
        case("an option of the broker", "embedded_broker --port 1", WRONG, ["unrecognized arguments: --port 1"]),
        case("an option of the mail catcher", "mail_catcher --port 1", WRONG, ["unrecognized arguments: --port 1"]),
    ],
)
def test_is_refused(words: str | list[str], code: int, fragments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    argv = words.split() if isinstance(words, str) else words
    with nothing_changes(), pytest.raises(SystemExit) as ended:
        ManagementUtility(["manage.py", *argv]).execute()
    said = capfd.readouterr().err
    assert ended.value.code == code
    says(said.replace('"', "'"), *fragments)
    assert "Traceback" not in said


@pytest.mark.django_db
@pytest.mark.usefixtures("product")
def test_mail_is_not_caught_for_another_machine(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    with pytest.raises(SystemExit) as ended:
        ManagementUtility(["manage.py", "mail_catcher"]).execute()
    assert ended.value.code == REFUSED
    says(capfd.readouterr().err, "EMAIL_URL names a server on another machine")


@pytest.mark.once
def test_a_setting_that_does_not_fit_ends_every_command_without_a_traceback(tmp_path: Path) -> None:
    run = _manage("migrate", tmp_path, JOB_LEASE_SECONDS="half a minute")
    assert (run.returncode, run.stdout) == (1, "")
    says(run.stderr, "ImproperlyConfigured: JOB_LEASE_SECONDS is 'half a minute': write a whole number, as in 30.")
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def _manage(command: str, directory: Path, **variables: str) -> "subprocess.CompletedProcess[Any]":
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.django.base", "VAR_DIR": str(directory), **variables}
    return subprocess.run(  # noqa: S603  this test's own interpreter
        [sys.executable, "manage.py", command],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
