"""What staff type into the admin."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from config.tests.bad_input.checking import case, nothing_changes, page_of, refused, says
from styleguide_example.announcements.tests.admins import ADD as ANNOUNCEMENT_ADD
from styleguide_example.announcements.tests.admins import page_of as announcement_page
from styleguide_example.announcements.tests.admins import typed as announcement_typed
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import email_ended
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.tests.factories import job_ended_make, kind_known
from styleguide_example.tasks.tests.admins import ADD as SCHEDULE_ADD
from styleguide_example.tasks.tests.admins import typed as schedule_typed
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import Cron
from styleguide_example.users.tests.factories import PASSWORD, user_staff

pytestmark = [pytest.mark.once, pytest.mark.django_db]

USER_ADD = reverse("admin:users_user_add")
TOKEN_ADD = reverse("admin:api_apitoken_add")
CHOICE = "Select a valid choice."
NEEDED = "This field is required."
PARTS = "Lists (1,15), ranges (9-17), steps (*/10) and * may stand there too."
TOO_LONG = "Ensure this value has at most"
WHOLE = "Enter a whole number."
SEND_TASK = "styleguide_example.emails.tasks.email_send"


@pytest.fixture
def client(client: Client) -> Client:
    """Somebody who may do everything, so that nothing but the input is refused."""
    client.force_login(user_staff(email="root@example.com", is_superuser=True, full_name="Grace Hopper"))
    return client


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with kind_known("count"):
        yield


@pytest.mark.parametrize(
    ("typed", "field", "fragment"),
    [
        case("no name", {"name": ""}, "name", NEEDED),
        case("a name of 201 characters", {"name": "x" * 201}, "name", TOO_LONG),
        case("the name of another one", {"name": "Nightly"}, "name", "A schedule of this name exists."),
        case("a NUL in the name", {"name": "a\0"}, "name", "Null characters are not allowed."),
        case("no task", {"task": ""}, "task", NEEDED),
        case("a task that nobody registered", {"task": "os.system"}, "task", CHOICE),
        case("a task that no schedule may name", {"task": SEND_TASK}, "task", CHOICE),
        case("no kind of timing", {"kind": ""}, "kind", NEEDED),
        case("a kind of timing that there is not", {"kind": "sometimes"}, "kind", CHOICE),
        case("no crontab line", {"cron_line": ""}, "cron_line", "This is needed for the kind that is chosen above."),
        case("a crontab line of four parts", {"cron_line": "0 3 * *"}, "cron_line", "day of week), '0 3 * *' has 4."),
        case("minute 60", {"cron_line": "60 3 * * *"}, "cron_line", f"'60' is not a minute (0-59). {PARTS}"),
        case("hour 24", {"cron_line": "0 24 * * *"}, "cron_line", f"'24' is not an hour (0-23). {PARTS}"),
        case("a weekday that is none", {"cron_line": "0 3 * * xyz"}, "cron_line", "is not a day of the week"),
        case("30 February", {"cron_line": "0 0 30 2 *"}, "cron_line", "never"),
        case("a time zone that is nowhere", {"time_zone": "Mars"}, "time_zone", "write one like Europe/Paris"),
        case("an interval of nothing", {"kind": "every", "every": ""}, "every", "This is needed for the kind"),
        case("an interval of zero", {"kind": "every", "every": "0"}, "every", "greater than or equal to 1"),
        case("an interval in words", {"kind": "every", "every": "ten"}, "every", WHOLE),
        case("a unit that there is not", {"kind": "every", "every": "1", "period": "moons"}, "period", CHOICE),
        case("no moment", {"kind": "once"}, "at", "This is needed for the kind that is chosen above."),
        case("a moment in words", {"kind": "once", "at": "tomorrow"}, "at", "Enter a valid date/time."),
        case("a moment in the year 1", {"kind": "once", "at": "0001-01-01T00:00"}, "at", "between 1971 and 2199"),
        case("arguments that are no JSON", {"kwargs": "{days: 3}"}, "kwargs", "This is not JSON"),
        case("a list of arguments", {"kwargs": "[30]"}, "kwargs", 'write an object like {"days": 30}'),
        case("arguments that are no numbers", {"kwargs": '{"a": NaN}'}, "kwargs", "NaN is not a number in JSON"),
        case("an argument that the task has not", {"kwargs": '{"a": 1}'}, "kwargs", "unexpected keyword argument 'a'"),
        case("arguments nested beyond reason", {"kwargs": "[" * 9_000}, "kwargs", "This is not JSON"),
        case("a queue that nobody reads", {"queue": "nowhere"}, "queue", CHOICE),
        case("a priority that there is not", {"priority": "11"}, "priority", CHOICE),
        case("a priority in words", {"priority": "high"}, "priority", CHOICE),
        case("an expiry of no time", {"expire_seconds": "0"}, "expire_seconds", "greater than or equal to 1"),
        case("a jitter below zero", {"jitter_seconds": "-1"}, "jitter_seconds", "greater than or equal to 0"),
        case("a jitter over a day", {"jitter_seconds": "86401"}, "jitter_seconds", "less than or equal to 86400"),
        case("no jitter, not even 0", {"jitter_seconds": ""}, "jitter_seconds", NEEDED),
        case("an overlap that there is not", {"overlap": "maybe"}, "overlap", CHOICE),
        case("a policy that there is not", {"missed_runs": "twice"}, "missed_runs", CHOICE),
        case("a grace for what is skipped", {"missed_runs": "skip", "grace_seconds": "9"}, "grace_seconds", "skipped"),
        case("a grace of a hundred years", {"grace_seconds": "3155760000"}, "grace_seconds", "less than or equal to"),
        case(
            "an end before the beginning",
            {"start_time": "2030-02-01T00:00", "expires": "2030-01-01T00:00"},
            "expires",
            "It would end before it begins.",
        ),
        case(
            "a pause until yesterday",
            {"enabled": "", "disabled_until": "2020-01-01T00:00"},
            "disabled_until",
            "This time has passed.",
        ),
        case("a reason of 201 characters", {"enabled": "", "disabled_reason": "x" * 201}, "disabled_reason", TOO_LONG),
    ],
)
def test_schedule_form_refuses(client: Client, typed: dict[str, str], field: str, fragment: str) -> None:
    schedule_make("Nightly", Cron("0 0 * * *"))
    with nothing_changes():
        response = client.post(SCHEDULE_ADD, schedule_typed(**typed))
    refused(response, field, fragment)


@pytest.mark.parametrize(
    ("typed", "field", "fragment"),
    [
        case("no subject", {"subject": ""}, "subject", NEEDED),
        case(
            "a subject of two lines",
            {"subject": "News\nBcc: eve@example.com"},
            "subject",
            "The subject must be one line",
        ),
        case("a subject of 999 characters", {"subject": "x" * 999}, "subject", TOO_LONG),
        case("no text", {"body": "  "}, "body", NEEDED),
        case("a NUL in the text", {"body": "a\0b"}, "body", "Null characters are not allowed."),
        case("a text of a megabyte", {"body": "x " * 2**19}, "body", TOO_LONG),
        case("no audience", {"audience": ""}, "audience", NEEDED),
        case("an audience that there is not", {"audience": "martians"}, "audience", CHOICE),
        case("no date for those who joined", {"audience": "joined-since"}, "joined-since__since", NEEDED),
        case(
            "a date in words",
            {"audience": "joined-since", "joined-since__since": "May"},
            "joined-since__since",
            "Enter a valid date.",
        ),
        case(
            "30 February",
            {"audience": "joined-since", "joined-since__since": "2026-02-30"},
            "joined-since__since",
            "Enter a valid date.",
        ),
    ],
)
def test_announcement_form_refuses(client: Client, typed: dict[str, str], field: str, fragment: str) -> None:
    with nothing_changes():
        response = client.post(ANNOUNCEMENT_ADD, announcement_typed(**typed))
    refused(response, field, fragment)


def test_announcement_form_refuses_what_somebody_else_changed_meanwhile(client: Client) -> None:
    announcement = AnnouncementFactory.create()
    with nothing_changes():
        response = client.post(announcement_page(announcement), announcement_typed(version="2020-01-01T00:00:00+00:00"))
    refused(response, "__all__", "Nothing was saved: copy what you typed, and open the page again")


@pytest.mark.parametrize(
    ("name", "sent", "fragment"),
    [
        case("a sending that was not looked at", "send", {"version": "2020-01-01"}, "Nothing was sent: look again."),
        case("a sending without a version", "send", {}, "Nothing was sent: look again."),
        case("a stop of what has not begun", "cancel", {}, "this is how it is now"),
        case("a resumption of what has not begun", "resume", {}, "this is how it is now"),
    ],
)
def test_announcement_pages_refuse(client: Client, name: str, sent: dict[str, str], fragment: str) -> None:
    people_make(1)
    announcement = AnnouncementFactory.create()
    with nothing_changes():
        response = client.post(announcement_page(announcement, name), sent, follow=True)
    says(page_of(response), fragment)


@pytest.mark.parametrize(
    ("typed", "field", "fragment"),
    [
        case("no address", {"email": ""}, "email", NEEDED),
        case("no address at all", {"email": "bob"}, "email", "Enter a"),
        case("an address that is taken", {"email": "ROOT@example.com"}, "email", "with this e-mail address exists"),
        case("a name of two lines", {"full_name": "Bob\nBuilder"}, "full_name", "on one line"),
        case("a name of 151 characters", {"full_name": "x" * 151}, "full_name", TOO_LONG),
        case("two passwords", {"password2": "another one, and long"}, "password2", "The two password fields"),
        case("a short password", {"password1": "k3#z", "password2": "k3#z"}, "password2", "at least 10 characters"),
        case("no password", {"password1": "", "password2": ""}, "password1", NEEDED),
    ],
)
def test_user_form_refuses(client: Client, typed: dict[str, str], field: str, fragment: str) -> None:
    right = {"email": "bob@example.com", "full_name": "Bob", "usable_password": "true"}
    with nothing_changes():
        response = client.post(USER_ADD, {**right, "password1": PASSWORD, "password2": PASSWORD, **typed})
    form = response.context["adminform"].form
    assert field in form.errors
    says(" ".join(form.errors[field]), fragment)
    says(page_of(response), fragment)


@pytest.mark.parametrize(
    ("typed", "field", "fragment"),
    [
        case("no person", {"user": ""}, "user", NEEDED),
        case("a person who is not there", {"user": "999999"}, "user", CHOICE),
        case("no name", {"name": ""}, "name", NEEDED),
        case("a name of 101 characters", {"name": "x" * 101}, "name", TOO_LONG),
        case("no days", {"days": "0"}, "days", "greater than or equal to 1"),
        case("days in words", {"days": "ten"}, "days", WHOLE),
        case("days beyond the limit", {"days": "366"}, "days", "At most 365 days."),
        case("days beyond every calendar", {"days": str(10**20)}, "days", "At most 365 days."),
    ],
)
def test_token_form_refuses(client: Client, typed: dict[str, str], field: str, fragment: str) -> None:
    with nothing_changes():
        response = client.post(TOKEN_ADD, {"user": _person(client), "name": "export", "days": "30", **typed})
    refused(response, field, fragment)


@pytest.mark.parametrize("action", ["pause", "resume", "purge"])
@pytest.mark.parametrize(
    ("typed", "fragments"),
    [
        case("nothing", {}, ["Nothing was changed.", "scope: This field is required."]),
        case("a scope that there is not", {"scope": "world", "name": "x"}, ["Nothing was changed.", "scope: Select a"]),
        case("no name", {"scope": "kind", "name": ""}, ["Nothing was changed.", "name: This field is required."]),
        case("a queue that there is not", {"scope": "queue", "name": "slwo"}, ["No queue is called 'slwo'. There are"]),
        case("a kind that there is not", {"scope": "kind", "name": "cuont"}, ["called 'cuont'", "Declared:", "count"]),
        case("a long reason", {"scope": "kind", "name": "count", "reason": "x" * 300}, ["reason: Ensure this value"]),
    ],
)
def test_job_controls_refuse(client: Client, action: str, typed: dict[str, str], fragments: list[str]) -> None:
    with nothing_changes():
        response = client.post(reverse(f"admin:jobs_pause_{action}"), typed, follow=True)
    says(page_of(response), *fragments)


@pytest.mark.parametrize(
    ("address", "sent", "fragment"),
    [
        case("no action", "emails_email", {"action": ""}, "No action selected."),
        case("an action that there is not", "emails_email", {"action": "delete_selected"}, "No action selected."),
        case("a retry of what was sent", "emails_email", {"action": "retry"}, "only what failed is tried again"),
        case("a cancel of what was sent", "emails_email", {"action": "cancel"}, "only what is ready, or waits"),
        case("a cancel of a job that is done", "jobs_job", {"action": "cancel"}, "has ended: done"),
        case("a retry of a job that is done", "jobs_job", {"action": "retry"}, "only a failed or cancelled one"),
        case(
            "a termination of a job that is done",
            "jobs_job",
            {"action": "terminate", "confirmed": "1"},
            "has ended: done",
        ),
    ],
)
def test_actions_refuse(client: Client, address: str, sent: dict[str, str], fragment: str) -> None:
    rows = {"emails_email": email_ended(Email.Status.SENT), "jobs_job": job_ended_make(JobState.SUCCESS)}
    with nothing_changes():
        data = {**sent, "_selected_action": str(rows[address].pk)}
        response = client.post(reverse(f"admin:{address}_changelist"), data, follow=True)
    says(page_of(response), fragment)


@pytest.mark.parametrize(
    "address",
    [
        case("an e-mail is not written here", "emails_email_add"),
        case("a job is not written here", "jobs_job_add"),
    ],
)
def test_rows_that_services_write_have_no_form(client: Client, address: str) -> None:
    with nothing_changes():
        response = client.post(reverse(f"admin:{address}"), {"address": "eve@example.com", "reason": "bounced"})
    assert response.status_code == 403


def _person(client: Client) -> Any:
    return client.session["_auth_user_id"]
