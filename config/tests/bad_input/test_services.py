"""What a developer gives to a service."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.tests.bad_input.checking import case, nothing_changes, says
from styleguide_example.announcements.services import announcement_create, announcement_send
from styleguide_example.announcements.tests.factories import AnnouncementFactory, sender_make
from styleguide_example.api.tokens import token_create
from styleguide_example.emails.bulk import NewEmail, email_create_all
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import (
    email_cancel,
    email_queue,
    email_resend,
    email_retry,
)
from styleguide_example.emails.tests.factories import EmailFactory, email_ended
from styleguide_example.jobs.dispatch import Once, Options, Step
from styleguide_example.jobs.enums import AtOnce, OnDuplicate
from styleguide_example.jobs.services import job_batch_start, job_chain_start, job_start, task_dispatch
from styleguide_example.jobs.tests.api_kinds import export_known
from styleguide_example.jobs.tests.factories import kind_known
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.users.services import user_create, user_update
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = [pytest.mark.once, pytest.mark.django_db]

ONE_LINE = "must be one line, without control characters"


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    with export_known(), kind_known("single", at_once=AtOnce.ONE):
        yield


def _ended(status: str, act: Callable[[Email], object]) -> Callable[[], object]:
    email = email_ended(status)
    return lambda: act(email)


def _new(**fields: Any) -> NewEmail:
    return NewEmail(
        **{"idempotency_key": "1", "to": "a@example.com", "subject": "", "html": "", "plain_text": "", **fields}
    )


@pytest.mark.parametrize(
    ("prepare", "fragments"),
    [
        case(
            "a cancelled one asked for",
            lambda: _ended("cancelled", lambda email: email_queue(email=email)),
            ["is cancelled", "email_resend for any that ended"],
        ),
        case(
            "a failed one asked for",
            lambda: _ended("failed", lambda email: email_queue(email=email)),
            ["is failed", "Use email_retry"],
        ),
        case(
            "a sent one retried",
            lambda: _ended("sent", lambda email: email_retry(email=email)),
            ["is sent", "only a failed one"],
        ),
        case(
            "a sent one cancelled",
            lambda: _ended("sent", lambda email: email_cancel(email=email)),
            ["is sent", "it has ended"],
        ),
        case(
            "a resend without a reason",
            lambda: _ended("sent", lambda email: email_resend(email=email, reason=" ")),
            ["Say why this e-mail is sent again"],
        ),
        case(
            "a resend of what has not ended",
            lambda: _with(EmailFactory.create(), lambda email: email_resend(email=email, reason="x")),
            ["is ready", "has not ended"],
        ),
        case("many without a batch", lambda: lambda: email_create_all(emails=[_new()], batch=""), ["Name the batch"]),
        case(
            "many of a batch of two lines",
            lambda: lambda: email_create_all(emails=[_new()], batch="a\nb"),
            ["The batch", ONE_LINE],
        ),
        case(
            "many from nobody",
            lambda: lambda: email_create_all(emails=[_new()], batch="x", from_email="ada"),
            ["in 'from_email' is not valid"],
        ),
        case(
            "many by no server",
            lambda: lambda: email_create_all(emails=[_new()], batch="x", server="b"),
            ["no mail server 'b'"],
        ),
        case("a kind that there is not", lambda: lambda: job_start(kind="exprot"), ["no kind of job called 'exprot'"]),
        case(
            "a kind that somebody may not start",
            lambda: _with(user_onboarded(), lambda user: job_start(kind="announcement-send", owner=user)),
            ["may not start jobs of the kind announcement-send"],
        ),
        case(
            "no parameters",
            lambda: lambda: job_start(kind="export"),
            ["do not fit export", "table: This field is required."],
        ),
        case(
            "a parameter that there is not",
            lambda: lambda: job_start(kind="export", parameters={"table": "x", "y": 1}),
            ["y: This kind takes no such parameter."],
        ),
        case(
            "a NUL in a parameter",
            lambda: lambda: job_start(kind="export", parameters={"table": "x", "extra": "\0"}),
            ["a NUL, or half a character"],
        ),
        case(
            "parameters that are too large",
            lambda: lambda: job_start(kind="export", parameters={"table": "x", "extra": "y" * 70_000}),
            ["bytes, the limit is 65536"],
        ),
        case(
            "a second one of one at a time",
            lambda: _with(job_start(kind="single"), lambda _: job_start(kind="single")),
            ["single is under way as job", "cancel it first"],
        ),
        case(
            "a start that may be skipped",
            lambda: (
                lambda: job_start(
                    kind="export", parameters={"table": "x"}, options=Options(once=Once(on_duplicate=OnDuplicate.SKIP))
                )
            ),
            ["tells job_dispatch"],
        ),
        case(
            "a key that is no argument",
            lambda: (
                lambda: job_start(kind="export", parameters={"table": "x"}, options=Options(once=Once(keys=("color",))))
            ),
            ["key of export names color"],
        ),
        case(
            "a batch of nothing",
            lambda: lambda: job_batch_start(kind="export", children=[]),
            ["A batch has at least one child."],
        ),
        case(
            "a batch of which one does not fit",
            lambda: lambda: job_batch_start(kind="export", children=[{"table": "x"}, {}]),
            ["table: This field is required."],
        ),
        case(
            "a batch of one at a time",
            lambda: lambda: job_batch_start(kind="single", children=[{}]),
            ["a batch needs a kind whose at_once is ANY"],
        ),
        case(
            "a batch that begins later",
            lambda: lambda: job_batch_start(kind="export", children=[{"table": "x"}], options=Options(delay_seconds=5)),
            ["leave once, debounce and delay away"],
        ),
        case("a chain of nothing", lambda: lambda: job_chain_start(steps=[]), ["A chain has at least one step."]),
        case(
            "a chain whose end is no kind",
            lambda: lambda: job_chain_start(steps=[Step("export", {"table": "x"}), Step("exprot")]),
            ["'exprot'"],
        ),
        case(
            "a chain whose end does not fit",
            lambda: lambda: job_chain_start(steps=[Step("export", {"table": "x"}), Step("export")]),
            ["table: This field is required."],
        ),
        case(
            "a task with an argument it has not",
            lambda: lambda: task_dispatch(TIMETABLE[0].task, kwargs={"a": 1}),
            ["unexpected keyword argument 'a'"],
        ),
        case(
            "an announcement without a subject",
            lambda: lambda: announcement_create(subject="", body="x", audience="everyone"),
            ["subject", "cannot be blank"],
        ),
        case(
            "an announcement to nobody known",
            lambda: lambda: announcement_create(subject="x", body="x", audience="martians"),
            ["audience", "martians"],
        ),
        case(
            "an announcement with no date",
            lambda: lambda: announcement_create(subject="x", body="x", audience="joined-since"),
            ["since", "This field is required."],
        ),
        case(
            "an announcement with a date too many",
            lambda: (
                lambda: announcement_create(
                    subject="x", body="x", audience="everyone", audience_parameters={"since": "2026-01-01"}
                )
            ),
            ["since", "There is no such parameter."],
        ),
        case(
            "an announcement to nobody at all",
            lambda: _with(
                (
                    AnnouncementFactory.create(audience="not-onboarded"),
                    sender_make(onboarding_completed_at="2026-01-01T00:00Z"),
                ),
                lambda pair: announcement_send(announcement=pair[0], by=pair[1]),
            ),
            ["audience"],
        ),
        case("a person without an address", lambda: lambda: user_create(email=""), ["email", "cannot be blank"]),
        case(
            "a person whose address is a word",
            lambda: lambda: user_create(email="ada"),
            ["email", "like name@example.com"],
        ),
        case(
            "a person who is there",
            lambda: _with(user_onboarded(email="ada@example.com"), lambda _: user_create(email="Ada@example.com")),
            ["Ask for it with user_get_by_email."],
        ),
        case(
            "a name of two lines",
            lambda: _with(user_onboarded(), lambda user: user_update(user=user, data={"full_name": "A\nB"})),
            ["full_name", "on one line"],
        ),
        case(
            "a time zone that is nowhere",
            lambda: _with(user_onboarded(), lambda user: user_update(user=user, data={"time_zone": "Mars"})),
            ["time_zone", "Please choose a place from the list."],
        ),
        case(
            "a token of no days",
            lambda: _with(user_onboarded(), lambda user: token_create(user=user, name="x", days=0)),
            ["lives for 1 to 365 days, not 0"],
        ),
        case(
            "a token of no name",
            lambda: _with(user_onboarded(), lambda user: token_create(user=user, name="", days=1)),
            ["name", "cannot be blank"],
        ),
    ],
)
def test_is_refused(prepare: Callable[[], Callable[[], object]], fragments: list[str]) -> None:
    act = prepare()
    with nothing_changes(), pytest.raises(Exception) as raised:  # noqa: PT011  what it says is looked at below
        act()
    says(str(raised.value), *fragments)


def _with(given: Any, act: Callable[[Any], object]) -> Callable[[], object]:
    """What is done after ``given`` was made."""
    return lambda: act(given)
