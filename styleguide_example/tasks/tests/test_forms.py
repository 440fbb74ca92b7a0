from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, PeriodicTask, SolarSchedule

from styleguide_example.core.enums import Priority
from styleguide_example.tasks.forms import ScheduleForm
from styleguide_example.tasks.tests.admins import typed
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.tests.bodies import task_registered
from styleguide_example.tasks.timing import Cron, Every, Once

pytestmark = pytest.mark.django_db


def _errors(row: PeriodicTask | None = None, **changes: Any) -> dict[str, list[str]]:
    form = ScheduleForm(typed(**changes), instance=row)
    return {name: [str(error) for error in errors] for name, errors in form.errors.items()}


def _form(**changes: Any) -> ScheduleForm:
    form = ScheduleForm(typed(**changes))
    assert form.is_valid(), form.errors
    return form


def report(*, days: int = 30) -> None:
    """A task with an argument."""


class TestTiming:
    def test_is_a_crontab_line_in_its_zone(self) -> None:
        assert _form().when == Cron("30 3 * * *", "Europe/Paris")

    def test_is_utc_without_a_zone(self) -> None:
        assert _form(time_zone="").when == Cron("30 3 * * *", "UTC")

    @pytest.mark.parametrize(
        ("period", "interval"),
        [
            ("seconds", timedelta(seconds=5)),
            ("minutes", timedelta(minutes=5)),
            ("hours", timedelta(hours=5)),
            ("days", timedelta(days=5)),
        ],
    )
    def test_is_an_interval_in_its_unit(self, period: str, interval: timedelta) -> None:
        assert _form(kind="every", every="5", period=period).when == Every(interval)

    def test_counts_an_interval_from_the_start_time(self) -> None:
        when = _form(kind="every", every="5", period="days", start_time="2030-01-01T12:00").when
        assert when == Every(timedelta(days=5), anchor=datetime(2030, 1, 1, 12, tzinfo=UTC))

    def test_is_a_moment_on_the_viewers_clock(self) -> None:
        with timezone.override(ZoneInfo("Europe/Paris")):
            assert _form(kind="once", at="2030-07-01T12:00").when == Once(datetime(2030, 7, 1, 10, tzinfo=UTC))

    @pytest.mark.parametrize(
        ("line", "part"),
        [
            ("60 3 * * *", "minute"),
            ("30 24 * * *", "hour"),
            ("30 3 32 * *", "day of the month"),
            ("30 3 * 13 *", "month"),
            ("30 3 * * 8", "day of the week"),
            ("30 3 * * someday", "day of the week"),
        ],
    )
    def test_names_the_part_that_is_wrong(self, line: str, part: str) -> None:
        (error,) = _errors(cron_line=line)["cron_line"]
        assert part in error

    @pytest.mark.parametrize("line", ["30 3 * *", "@daily", "30 3 * * * *"])
    def test_asks_for_five_parts(self, line: str) -> None:
        assert "five parts" in _errors(cron_line=line)["cron_line"][0]

    @pytest.mark.parametrize("line", ["0 0 30 2 *", "0 0 31 4,6 *"])
    def test_refuses_a_day_that_never_comes(self, line: str) -> None:
        assert "never" in _errors(cron_line=line)["cron_line"][0]

    @pytest.mark.parametrize("zone", ["Europe/Atlantis", "../../etc/passwd", "Paris"])
    def test_refuses_an_unknown_zone(self, zone: str) -> None:
        assert "not a time zone" in _errors(time_zone=zone)["time_zone"][0]

    @pytest.mark.parametrize(("kind", "name"), [("cron", "cron_line"), ("every", "every"), ("once", "at")])
    def test_asks_for_what_its_kind_needs(self, kind: str, name: str) -> None:
        assert "needed" in _errors(kind=kind, cron_line="", every="", at="")[name][0]

    @pytest.mark.parametrize("every", ["0", "-1", "1.5", "x", "1000000000"])
    def test_refuses_what_is_no_interval(self, every: str) -> None:
        assert list(_errors(kind="every", every=every)) == ["every"]

    @pytest.mark.parametrize("moment", ["9999-12-31T23:59", "0001-01-01T00:00", "yesterday"])
    def test_refuses_a_moment_that_calendars_do_not_reckon_with(self, moment: str) -> None:
        assert list(_errors(kind="once", at=moment)) == ["at"]

    def test_ignores_what_belongs_to_another_kind(self) -> None:
        assert _form(kind="every", every="5", cron_line="nonsense", time_zone="nowhere").when


class TestTask:
    @pytest.mark.parametrize(
        "name", ["styleguide_example.emails.tasks.email_send", "os.system", "celery.backend_cleanup"]
    )
    def test_that_is_not_schedulable_cannot_be_chosen(self, name: str) -> None:
        assert "task" in _errors(task=name)

    def test_offers_those_that_are_schedulable(self) -> None:
        field: Any = ScheduleForm().fields["task"]
        names = [name for name, _ in field.choices]
        assert "styleguide_example.emails.tasks.email_sweep" in names
        assert "styleguide_example.emails.tasks.email_send" not in names

    def test_that_is_gone_is_shown_and_refused(self) -> None:
        row = schedule_make("Old", Cron("0 0 * * *"), task="shop.tasks.gone")
        field: Any = ScheduleForm(instance=row).fields["task"]
        assert ("shop.tasks.gone", "shop.tasks.gone: no task of this name is registered any more.") in field.choices
        (error,) = _errors(row, name="Old", task="shop.tasks.gone")["task"]
        assert "registered any more" in error

    @pytest.mark.parametrize("kwargs", ['{"days": 7}', "{}", ""])
    def test_takes_arguments_that_fit(self, kwargs: str) -> None:
        with task_registered(report, schedulable=True):
            assert _errors(task="tests.report", kwargs=kwargs) == {}

    @pytest.mark.parametrize(
        ("kwargs", "words"),
        [
            ('{"weeks": 7}', "unexpected keyword argument 'weeks'"),
            ("{", "This is not JSON"),
            ("[1]", "write an object"),
            ("7", "write an object"),
            ('{"days": NaN}', "not JSON"),
            ("[" * 10_000, "not JSON"),
            ("x" * 20_000, "at most"),
        ],
    )
    def test_refuses_arguments_that_do_not(self, kwargs: str, words: str) -> None:
        with task_registered(report, schedulable=True):
            (error,) = _errors(task="tests.report", kwargs=kwargs)["kwargs"]
        assert words in error

    def test_writes_arguments_as_the_timetable_does(self) -> None:
        with task_registered(report, schedulable=True):
            assert _form(task="tests.report", kwargs='{ "days":7 }').cleaned_data["kwargs"] == '{"days": 7}'


class TestPolicies:
    def test_offer_the_engine_rooms_priority_to_nobody(self) -> None:
        assert "priority" in _errors(priority=str(int(Priority.RESERVED)))

    def test_leave_it_where_it_is(self) -> None:
        row = schedule_make("Sweep", Cron("0 0 * * *"), priority=int(Priority.RESERVED))
        assert _errors(row, priority="0") == {}

    def test_keep_a_priority_without_a_name(self) -> None:
        row = schedule_make("Sweep", Cron("0 0 * * *"), priority=4)
        assert _errors(row, priority="4") == {}

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"expires": "2030-01-01T00:00", "expire_seconds": "60"}, "expires"),
            ({"expires": "2030-01-01T00:00", "start_time": "2030-01-01T00:00"}, "expires"),
            ({"missed_runs": "skip", "grace_seconds": "60"}, "grace_seconds"),
            ({"grace_seconds": "-1"}, "grace_seconds"),
            ({"jitter_seconds": "-1"}, "jitter_seconds"),
            ({"jitter_seconds": ""}, "jitter_seconds"),
            ({"expire_seconds": "0"}, "expire_seconds"),
            ({"overlap": "sometimes"}, "overlap"),
            ({"enabled": "", "disabled_until": "2020-01-01T00:00"}, "disabled_until"),
            ({"enabled": "", "disabled_reason": "x" * 201}, "disabled_reason"),
            ({"name": ""}, "name"),
        ],
    )
    def test_refuse_what_contradicts_itself(self, changes: dict[str, str], name: str) -> None:
        assert list(_errors(**changes)) == [name]

    def test_forget_why_it_was_disabled_when_it_is_enabled(self) -> None:
        form = _form(disabled_reason="Old", disabled_until="2030-01-01T00:00")
        assert form.disabled is None

    def test_know_why_it_shall_be_disabled(self) -> None:
        form = _form(enabled="", disabled_reason="Holidays", disabled_until="2030-01-01T00:00")
        assert form.disabled == {"reason": "Holidays", "until": datetime(2030, 1, 1, tzinfo=UTC)}


class TestName:
    def test_of_another_schedule_is_refused(self) -> None:
        schedule_make("Sweep", Cron("0 0 * * *"))
        assert _errors() == {"name": ["A schedule of this name exists."]}

    def test_may_stay(self) -> None:
        assert _errors(schedule_make("Sweep", Cron("0 0 * * *"))) == {}


class TestInitial:
    @pytest.mark.parametrize(
        ("when", "initial"),
        [
            (
                Cron("5 4 * * *", "Asia/Tokyo"),
                {"kind": "cron", "cron_line": "5 4 * * *", "time_zone": "Asia/Tokyo"},
            ),
            (Every(timedelta(seconds=90)), {"kind": "every", "every": 90, "period": "seconds"}),
            (Every(timedelta(hours=36)), {"kind": "every", "every": 36, "period": "hours"}),
            (Once(datetime(2030, 1, 1, tzinfo=UTC)), {"kind": "once", "at": datetime(2030, 1, 1, tzinfo=UTC)}),
        ],
    )
    def test_is_the_timing_of_the_row(self, when: Any, initial: dict[str, Any]) -> None:
        form = ScheduleForm(instance=schedule_make("Sweep", when))
        assert {name: form.initial[name] for name in initial} == initial

    def test_leaves_open_what_beat_does_not_fire(self) -> None:
        sunset = SolarSchedule.objects.create(event="sunset", latitude=48, longitude=2)
        row = PeriodicTask.objects.create(name="Sunset", task="x", solar=sunset)
        form = ScheduleForm(instance=row)
        assert form.initial["kind"] is None
        assert form.preview is None

    def test_is_its_policies(self) -> None:
        policies = {"jitter_seconds": 7, "overlap": "skip", "disabled_reason": "Holidays"}
        form = ScheduleForm(instance=schedule_make("Sweep", Cron("0 0 * * *"), policies=policies, enabled=False))
        assert (form.initial["jitter_seconds"], form.initial["overlap"], form.initial["enabled"]) == (7, "skip", False)
        assert form.initial["disabled_reason"] == "Holidays"


class TestPreview:
    def test_shows_the_runs_of_what_was_typed(self) -> None:
        preview = ScheduleForm(typed(cron_line="0 0 1 1 *", time_zone="UTC")).preview
        assert preview is not None
        assert [run.at.month for run in preview.runs] == [1] * 5

    def test_begins_at_the_start_time(self) -> None:
        preview = ScheduleForm(typed(start_time="2031-05-01T00:00", time_zone="UTC")).preview
        assert preview is not None
        assert preview.runs[0].at == datetime(2031, 5, 1, 3, 30, tzinfo=UTC)

    def test_is_there_though_another_field_is_wrong(self) -> None:
        assert ScheduleForm(typed(name="", kwargs="{")).preview is not None

    def test_is_not_there_while_the_timing_is_wrong(self) -> None:
        assert ScheduleForm(typed(cron_line="x")).preview is None

    def test_of_a_row_shows_its_runs(self) -> None:
        moment = timezone.now().replace(microsecond=0) + timedelta(days=1)
        row = PeriodicTask.objects.create(
            name="Once", task="x", clocked=ClockedSchedule.objects.create(clocked_time=moment), one_off=True
        )
        preview = ScheduleForm(instance=row).preview
        assert preview is not None
        assert [run.at for run in preview.runs] == [moment]
