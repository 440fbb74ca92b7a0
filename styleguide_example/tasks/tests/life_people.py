"""What people do to schedules: deploy, edit, disable and enable them. Each may be cut off in the middle."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django_celery_beat.models import PeriodicTask

from styleguide_example.common.tests.lives import Life, pick
from styleguide_example.common.tests.pausing import TO_THE_END, Order, Then
from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.tasks import services
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.enums import MissedRuns, Overlap
from styleguide_example.tasks.models import Schedule
from styleguide_example.tasks.tests.life import Model
from styleguide_example.tasks.tests.life_told import TIMINGS, Kind, Told
from styleguide_example.tasks.tests.life_world import Clocks

KINDS = {
    "Often": Kind(expires_seconds=60),
    "Not beside itself": Kind(overlap=Overlap.SKIP),
    "In time": Kind(grace_seconds=120),
    "By hand": Kind(kills=True),
}
CODE: dict[str, dict[str, Any]] = {
    "Often": {"when": "often", "enabled": True, "missed_runs": MissedRuns.RUN_ONCE},
    "Not beside itself": {"when": "five", "enabled": True, "missed_runs": MissedRuns.SKIP},
    "In time": {"when": "five", "enabled": True, "missed_runs": MissedRuns.RUN_ONCE},
}
BY_HAND = "By hand"


class PeoplesLife(Life):
    """The half of a life of schedules that people decide."""

    def __init__(self, clocks: Clocks, task: WakeUpTask) -> None:
        super().__init__()
        self.clocks, self.task = clocks, task
        self.model = Model(clocks)
        self._code = {name: {**says} for name, says in CODE.items()}

    def the_first_are_written(self) -> None:
        """Those of code, and one by hand."""
        self.a_deploy(0, None, TO_THE_END)
        says = {"when": "often", "enabled": True, "missed_runs": MissedRuns.RUN_ONCE}
        row = PeriodicTask(name=BY_HAND, task=self.task.name)
        services.schedule_save(
            periodic_task=row, columns=(), when=TIMINGS["often"].when, policies={"missed_runs": says["missed_runs"]}
        )
        now = self.clocks.now
        self.model.told[BY_HAND] = Told(row.pk, KINDS[BY_HAND], says, now, now)

    def worker_begins(self, work: Callable[[str], object], order: Order) -> None:
        """In a process of its own."""
        worker = self.worker_new(work)
        self.model.started(worker)
        self.advance(worker, order)

    def a_deploy(self, which: int, change: tuple[str, Any] | None, order: Order) -> None:
        """Of a timetable that says something else of one entry, or the same."""
        code = {name: {**says} for name, says in self._code.items()}
        if change:
            name = [*code][which % len(code)]
            if change[0] != "missed_runs" or KINDS[name].grace_seconds is None:
                code[name] |= dict([change])
        entries = [self._entry(name, says) for name, says in code.items()]
        before = _rows_not_of_code()

        def deployed() -> None:
            assert _rows_not_of_code() == before, "A deploy touched what is not code's."
            self._code = code
            self.model.deployed(code, KINDS)

        self._somebody(order, lambda: services.periodic_tasks_sync(entries=entries), deployed)

    def _entry(self, name: str, says: dict[str, Any]) -> Entry:
        kind = KINDS[name]
        return Entry(
            name=name,
            task=self.task,
            when=TIMINGS[says["when"]].when,
            in_words="Now and then",
            enabled=says["enabled"],
            missed_runs=says["missed_runs"],
            overlap=kind.overlap,
            grace_seconds=kind.grace_seconds,
            expires_seconds=kind.expires_seconds,
        )

    def an_admin_edits(self, which: int, edit: tuple[str, Any], order: Order) -> None:
        """As the form does it."""
        told = self._pick(which)
        says = {**told.says, edit[0]: edit[1]}
        row = PeriodicTask.objects.get(pk=told.pk)
        save = partial(
            services.schedule_save,
            periodic_task=row,
            columns=("description",),
            when=TIMINGS[says["when"]].when,
            policies={"missed_runs": says["missed_runs"]},
        )
        self._somebody(order, save, lambda: told.change(self.clocks.now, **says))

    def an_admin_disables(self, which: int, until: timedelta | None, order: Order) -> None:
        told = self._pick(which)
        moment = self.clocks.now + until if until else None
        row = PeriodicTask.objects.get(pk=told.pk)

        def disabled() -> None:
            told.change(self.clocks.now, enabled=False)
            told.disabled_until = moment

        self._somebody(order, partial(services.schedule_disable, periodic_task=row, until=moment), disabled)

    def an_admin_enables(self, which: int, order: Order) -> None:
        off = [told for told in self.model.told.values() if not told.says["enabled"]]
        told = pick(off, which) or self._pick(which)
        row = PeriodicTask.objects.get(pk=told.pk)

        def enabled() -> None:
            told.change(self.clocks.now, enabled=True)
            told.disabled_until = None

        self._somebody(order, partial(services.schedule_enable, periodic_task=row), enabled)

    def somebody_runs_it_now(self, which: int) -> None:
        row = PeriodicTask.objects.get(pk=self._pick(which).pk)
        services.schedule_run_now(periodic_task=row)

    def _pick(self, which: int) -> Told:
        told: Told = pick([*self.model.told.values()], which)
        return told

    def _somebody(self, order: Order, act: Callable[[], object], then: Callable[[], None]) -> None:
        """Somebody acts at once, and may be cut off: then it is as if they had not."""
        order = TO_THE_END if order.then is Then.STOP else order
        done: list[object] = []
        self.worker_begins(lambda _: done.append(act()), order)
        if done:
            then()


def _rows_not_of_code() -> list[Any]:
    rows = PeriodicTask.objects.filter(timetable_entry=None).order_by("pk")
    return [*rows.values(), *Schedule.objects.filter(periodic_task__in=rows).order_by("pk").values()]
