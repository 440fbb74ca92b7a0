"""Whoever may edit schedules runs what is declared with ``schedulable=True``, and nothing else that has a name."""

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.brokers import messages_take
from styleguide_example.common.tests.processes import Queue
from styleguide_example.emails.tasks import email_send
from styleguide_example.tasks.celery import app as celery_app
from styleguide_example.tasks.enums import RunState
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.models import ScheduleRun
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.admins import ADD, LIST, page_of, typed
from styleguide_example.tasks.tests.beats import NOON, SECOND, Beat, schedule_make
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Cron, Every

pytestmark = [pytest.mark.no_services, pytest.mark.django_db, pytest.mark.usefixtures("queue")]

SCHEDULABLE = "styleguide_example.emails.tasks.email_sweep"
NOT_SCHEDULABLE = [
    email_send.name,
    "styleguide_example.announcements.tasks.announcement_send",
    "styleguide_example.emails.tasks.email_send_due",
    "celery.map",
    "celery.backend_cleanup",
    "os.system",
    f" {email_send.name}",
    f"{email_send.name} ",
    f"{SCHEDULABLE}\x00",
    SCHEDULABLE.upper(),
    "styleguide_example.emails.delivery.email_sweep",
    "",
]
#: Columns of beat's own that the form does not have; what they hold would change what is sent, or where.
SMUGGLED = {
    "headers": f'{{"task": "{email_send.name}"}}',
    "args": "[1]",
    "queue": "elsewhere",
    "exchange": "elsewhere",
    "routing_key": "elsewhere",
    "regtask": email_send.name,
    "one_off": "on",
    "total_run_count": "7",
    "id": "1",
    "pk": "1",
}


@pytest.fixture
def superuser(admin_client: Client) -> Client:
    """Who may most: for everybody else it holds all the more."""
    return admin_client


def _fired() -> list[str]:
    """The tasks that were called by all that there is to make a schedule run: beat, and the button."""
    Beat().lead().tick(NOON + 3600 * SECOND)
    return [str(message.headers["task"]) for message in messages_take(celery_app)]


class TestForm:
    @pytest.mark.parametrize("task", NOT_SCHEDULABLE)
    def test_adds_no_schedule_of_another_task(self, superuser: Client, task: str) -> None:
        for extra in ({}, {"_saveasnew": "1"}, {"_popup": "1"}, {"_continue": "1"}, {"_preview": "1"}):
            assert superuser.post(ADD, typed(task=task, **extra)).status_code == 200

        assert not PeriodicTask.objects.exists()

    @pytest.mark.parametrize("task", NOT_SCHEDULABLE)
    def test_gives_no_schedule_another_task(self, superuser: Client, task: str) -> None:
        row = schedule_make("Mine", Every(timedelta(seconds=10)))
        before = PeriodicTask.objects.values().get()

        for extra in ({}, {"_saveasnew": "1"}, {"version": ""}):
            superuser.post(page_of(row), typed(task=task, **extra))

        assert PeriodicTask.objects.values().get() == before

    def test_has_no_field_for_what_beat_would_send_besides(self, superuser: Client) -> None:
        superuser.post(ADD, typed(name="Smuggled", kind="every", every="10", period="seconds", **SMUGGLED))
        superuser.post(
            ADD, typed(name="Sweep", kind="every", every="10", period="seconds", **{**SMUGGLED, "queue": ""})
        )

        row = PeriodicTask.objects.get()
        assert (row.name, row.task, row.total_run_count, row.one_off) == ("Sweep", SCHEDULABLE, 0, False)
        assert (row.headers, row.args, row.queue, row.exchange, row.routing_key) == ("{}", "[]", None, None, None)

    @pytest.mark.parametrize(
        "kwargs",
        [
            f'{{"task": "{email_send.name}"}}',
            '{"email_id": 1}',
            '{"self": 1}',
            '{"__class__": 1}',
            '{"args": [1]}',
            "[1]",
            '"x"',
            "{",
            f'{{"x": {"[" * 5_000}{"]" * 5_000}}}',
            '{"x": NaN}',
        ],
    )
    def test_takes_no_arguments_that_the_task_has_not(self, superuser: Client, kwargs: str) -> None:
        assert superuser.post(ADD, typed(kwargs=kwargs)).status_code == 200
        assert not PeriodicTask.objects.exists()


class TestRename:
    def test_to_the_name_of_an_entry_of_the_code_gets_nothing_of_it(self, superuser: Client) -> None:
        name = TIMETABLE[1].name
        row = schedule_make("Mine", Every(timedelta(seconds=10)), task=email_send.name)
        PeriodicTask.objects.filter(pk=row.pk).update(name=name, kwargs='{"email_id": 1}')

        with pytest.raises(TimetableError):  # the deploy says that the name is taken
            periodic_tasks_sync(entries=TIMETABLE)

        assert email_send.name not in _fired()

    def test_of_a_schedule_keeps_what_it_may_run(self, superuser: Client) -> None:
        periodic_tasks_sync(entries=TIMETABLE)
        row = PeriodicTask.objects.get(task=SCHEDULABLE)

        superuser.post(page_of(row), typed(name=email_send.name, task=email_send.name))

        row.refresh_from_db()
        assert row.task == SCHEDULABLE
        assert email_send.name not in _fired()


class TestRowThatSomebodyWrotePastTheForm:
    @pytest.mark.parametrize("task", [name for name in NOT_SCHEDULABLE if "\x00" not in name])
    def test_is_run_by_nobody(self, superuser: Client, queue: Queue, task: str) -> None:
        row = schedule_make("Past the form", Cron("0 * * * *"))
        PeriodicTask.objects.update(task=task, enabled=False)

        superuser.post(page_of(row, "switch"), {"enabled": "1"})
        superuser.post(page_of(row, "run"))
        superuser.post(LIST, {"action": "run_now", "_selected_action": [str(row.pk)]})

        assert _fired() == []
        assert not ScheduleRun.objects.exclude(state=RunState.FAILURE).exists()


class TestTasks:
    def test_that_may_be_scheduled_take_no_argument_that_says_what_to_run(self) -> None:
        tasks: dict[str, Any] = {n: t for n, t in current_app.tasks.items() if getattr(t, "schedulable", False)}
        assert len(tasks) >= 8
        for task in tasks.values():
            with pytest.raises(TypeError):
                task.__header__(anything=1)
