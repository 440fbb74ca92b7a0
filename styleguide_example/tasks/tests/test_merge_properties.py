"""Whatever code and admins do, in whatever order: the rules explain where it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styleguide_example.tasks import schedules
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import OnConflict, SyncAction
from styleguide_example.tasks.exceptions import TimetableError
from styleguide_example.tasks.merge import fields_merge
from styleguide_example.tasks.models import Schedule
from styleguide_example.tasks.services import periodic_tasks_plan, periodic_tasks_sync
from styleguide_example.tasks.tests.factories import by_hand, entry_make, rows_read
from styleguide_example.tasks.tests.merge_model import FORMERLY, Code, ModelRow, RefusedError, deployed
from styleguide_example.tasks.timing import Cron, Every, When

# The same examples each time: a build that fails without a change teaches people to run it again.
thoroughly = settings(derandomize=True, deadline=None, max_examples=300)
on_the_database = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example is rolled back
)

pytestmark = [pytest.mark.long, pytest.mark.once]

WHENS: dict[str, When] = {str(when): when for when in (Every(timedelta(seconds=10)), Cron("30 3 * * *"))}
VALUES: dict[str, list[Any]] = {
    "priority": [1, 3, 5],
    "queue": [None, "slow"],
    "enabled": [True, False],
    "jitter_seconds": [0, 5],
    "when": list(WHENS),
}
NAMES = ["A", "B", "A, as it is called now"]

# -- one merge, of anything --

says = st.fixed_dictionaries({field: st.sampled_from([None, 0, 1, "x"]) for field in "abc"})


class TestFieldsMerge:
    @thoroughly
    @given(applied=says, code=says, database=says, on_conflict=st.sampled_from(OnConflict), reset=st.booleans())
    def test_a_second_time_writes_nothing(
        self, applied: Any, code: Any, database: Any, on_conflict: OnConflict, *, reset: bool
    ) -> None:
        fields = fields_merge(applied=applied, code=code, database=database, on_conflict=on_conflict, reset=reset)
        after = {**database, **{field.field: field.result for field in fields}}
        again = fields_merge(applied=code, code=code, database=after, on_conflict=on_conflict)
        assert not [field for field in again if field.is_written or field.is_conflict]

    @thoroughly
    @given(applied=says, code=says, database=says)
    def test_loses_no_edit_and_no_change(self, applied: Any, code: Any, database: Any) -> None:
        fields = fields_merge(applied=applied, code=code, database=database)
        after = {**database, **{field.field: field.result for field in fields}}
        assert all(after[field] == database[field] for field in code if database[field] != applied[field])
        assert all(after[field] == code[field] for field in code if database[field] == applied[field])

    @thoroughly
    @given(applied=says, code=says, database=says)
    def test_is_code_everywhere_in_a_reset(self, applied: Any, code: Any, database: Any) -> None:
        fields = fields_merge(applied=applied, code=code, database=database, reset=True)
        assert {**database, **{field.field: field.result for field in fields}} == code


# -- what code says, and what happens --

said = st.fixed_dictionaries({field: st.sampled_from(values) for field, values in VALUES.items()})
# What a timetable says is mostly what it said before.
said = st.one_of(st.just({field: values[0] for field, values in VALUES.items()}), said)
timetables = st.dictionaries(st.sampled_from(NAMES), said, max_size=2).filter(
    lambda code: not any(name in code and former in code for name, former in FORMERLY.items())
)
deploys = st.tuples(
    st.just("deploy"),
    timetables,
    st.fixed_dictionaries(
        {
            "code_wins": st.booleans(),
            "adopt": st.sampled_from([False, False, False, True]),
            "reset": st.sampled_from([False, False, False, False, True]),
        }
    ),
)
edits = st.tuples(
    st.just("edit"),
    st.integers(0, 3),
    st.one_of(
        *(st.tuples(st.just(field), st.sampled_from(values)) for field, values in VALUES.items()),
        st.tuples(st.just("name"), st.sampled_from([*NAMES, "Mine"])),
        st.tuples(st.just("disabled_reason"), st.sampled_from(["", "too loud"])),
    ),
)
deletions = st.tuples(st.just("delete"), st.integers(0, 3), st.none())
additions = st.tuples(st.just("add"), st.sampled_from([*NAMES, "By hand"]), st.none())
# Edits one after the other and deploys between them: most of what can go wrong needs an edit, a deploy, and another.
turns = st.tuples(st.lists(st.one_of(edits, edits, deletions, additions), max_size=3), deploys)
histories = st.lists(turns, min_size=2, max_size=5)


def _entries(code: Code) -> list[Entry]:
    return [
        entry_make(
            name, **{**said, "when": WHENS[said["when"]]}, formerly=(FORMERLY[name],) if name in FORMERLY else ()
        )
        for name, said in code.items()
    ]


class World:
    """The database and the model, side by side."""

    def __init__(self) -> None:
        self.rows: list[ModelRow] = []
        self._history = 0

    def deploy(self, code: Code, how: dict[str, bool]) -> None:
        arguments: dict[str, Any] = {
            "entries": _entries(code),
            "on_conflict": OnConflict.CODE if how["code_wins"] else OnConflict.ADMIN,
            "adopt": how["adopt"],
            "reset": how["reset"],
        }
        try:
            self.rows = deployed(self.rows, code, **how)
        except RefusedError:
            before = rows_read()
            with pytest.raises(TimetableError):
                periodic_tasks_sync(**arguments)
            assert rows_read() == before
            return
        plan = periodic_tasks_plan(**arguments)
        assert periodic_tasks_sync(**arguments) == plan
        self._check_second_time(code)

    def _check_second_time(self, code: Code) -> None:
        again = periodic_tasks_plan(entries=_entries(code))
        edited = {
            row.owner
            for row in self.rows
            if row.owner is not None and row.applied is not None and row.says != row.applied
        }
        assert again.is_empty
        assert {line.action for line in again.lines} <= {SyncAction.UNCHANGED}
        assert {line.name for line in again.drift} == edited

    def edit(self, number: int, edit: tuple[str, Any]) -> None:
        field, value = edit
        names = [row.says["name"] for row in self.rows]
        if not names or (field == "name" and value in names):
            return
        row = self.rows[number % len(names)]
        tasks = PeriodicTask.objects.filter(name=row.says["name"])
        row.says[field] = value
        if field in ("jitter_seconds", "disabled_reason"):
            Schedule.objects.update_or_create(periodic_task=tasks.get(), defaults={field: value})
        else:
            tasks.update(**(_timing_columns(value) if field == "when" else {field: value}))

    def delete(self, number: int, _: None) -> None:
        if self.rows:
            row = self.rows.pop(number % len(self.rows))
            PeriodicTask.objects.get(name=row.says["name"]).delete()

    def add(self, name: str, _: None) -> None:
        if name not in [row.says["name"] for row in self.rows]:
            by_hand(name)
            says = {"name": name, "disabled_reason": "", **dict.fromkeys(VALUES), "enabled": True, "jitter_seconds": 0}
            self.rows.append(ModelRow({**says, "when": "every 10800 seconds"}))

    def check(self) -> None:
        counts = dict(PeriodicTask.objects.values_list("pk", "total_run_count"))
        found = schedules.rows_read(PeriodicTask.objects.all())
        fields = ("name", "disabled_reason", *VALUES)
        assert {
            row.name: (row.entry_name, counts[row.pk], {name: row.says[name] for name in fields}) for row in found
        } == {row.says["name"]: (row.owner, row.history, row.says) for row in self.rows}

    def run_all(self) -> None:
        """Give what is new a history of its own."""
        for row in self.rows:
            if not row.history:
                self._history += 1
                row.history = self._history
                PeriodicTask.objects.filter(name=row.says["name"]).update(total_run_count=row.history)


def _timing_columns(text: str) -> dict[str, Any]:
    when = WHENS[text]
    if isinstance(when, Cron):
        crontab, _ = CrontabSchedule.objects.get_or_create(**when.fields, timezone=when.time_zone)
        return {"crontab": crontab, "interval": None}
    interval, _ = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.SECONDS)
    return {"crontab": None, "interval": interval}


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
class TestAnySequenceOfDeploysAndEdits:
    @on_the_database
    @given(history=histories)
    def test_ends_in_what_the_rules_say(self, history: list[tuple[list[Any], Any]]) -> None:
        with _rolled_back():
            world = World()
            for verb, what, how in [step for before, deploy in history for step in (*before, deploy)]:
                act: Callable[[Any, Any], None] = getattr(world, verb)
                act(what, how)
                world.run_all()
                world.check()
