"""What a person would say of jobs that live through anything: told without the product's code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from styleguide_example.common.tests.pausing import PausableWorker
from styleguide_example.jobs.enums import ErrorCode, JobState
from styleguide_example.jobs.models import Job

PLAIN, RESUMING, ALONE = "life-plain", "life-resuming", "life-alone"
#: How often a job of the kind may be begun, besides what its body asked for.
ATTEMPTS_MAX = {PLAIN: 1, ALONE: 1, RESUMING: 3}
ENDED = {JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}
RUNNING = {JobState.STARTED, JobState.PROGRESS}
#: What never changes any more.
AT_THE_END = ("state", "finished_at", "result", "error_code", "attempts", "progress_current", "children_done")


@dataclass(frozen=True)
class Plan:
    """What a body does when it is its turn."""

    reports: int = 0
    ending: str = "succeed"


@dataclass
class Told:
    """One job, as we know it."""

    row: Job
    begun: int = 0
    retries: int = 0
    #: A worker that held it was killed, cut off or late.
    is_disturbed: bool = False
    is_stop_wished: bool = False
    may_expire: bool = False


@dataclass(eq=False)
class Hands:
    """A worker that stands still, and what it holds."""

    worker: PausableWorker
    held: dict[UUID, UUID | None] = field(default_factory=dict)
    #: Leases that it had, and that are over.
    over: set[UUID | None] = field(default_factory=set)


class Model:
    """All jobs, and what bodies did: that is the edge, where nothing can be taken back."""

    def __init__(self) -> None:
        self.told: dict[UUID, Told] = {}
        self.hands: dict[PausableWorker, Hands] = {}
        self.plans: dict[str, Plan] = {}
        self.succeeded: set[tuple[UUID, str]] = set()
        self.is_database_lost = False
        self.wrong: list[AssertionError] = []

    # -- What happens --------------------------------------------------------------------------------------------------

    def body_begins(self, job: Job, worker: str) -> Plan:
        """It runs now, whatever anybody says later."""
        try:
            return self._body_begins(job, worker)
        except AssertionError as error:  # which the worker takes for one of the body's
            self.wrong.append(error)
            raise

    def _body_begins(self, job: Job, worker: str) -> Plan:
        told, row = self.told[job.pk], Job.objects.get(pk=job.pk)
        plan = self.plans[worker]
        told.begun += 1
        told.retries += plan.ending == "retry"
        assert told.row.state not in ENDED, f"Job {job.pk} ran after its end."
        assert str(row.lease_owner).startswith(f"{worker}:"), f"Job {job.pk} ran without a lease."
        for hands in self.hands.values():
            assert hands.worker.name == worker or job.pk not in hands.held, f"Two hold job {job.pk}."
            if hands.worker.name == worker:
                is_late_wish = told.row.cancel_requested_at is None or job.pk in hands.held
                assert is_late_wish, f"Job {job.pk} was begun after it was cancelled."
        return plan

    def written(self, job: Job, **known: Any) -> None:
        self.told[job.pk] = Told(job, **known)
        for child in Job.objects.filter(parent=job):
            self.told[child.pk] = Told(child)

    def stop_is_wished(self, job: Job) -> None:
        for told in self.told.values():
            told.is_stop_wished |= job.pk in {told.row.pk, told.row.parent_id}

    def hours_passed(self, hours: int) -> None:
        if hours > 0:  # every lease has run out
            for hands in self.hands.values():
                self._nobody_knows(hands)
        else:
            for hands in self.hands.values():
                hands.over.clear()

    def begun(self, worker: PausableWorker, plan: Plan) -> None:
        self.hands[worker] = Hands(worker)
        self.plans[worker.name] = plan

    def advanced(self, worker: PausableWorker) -> None:
        hands = self.hands[worker]
        mine: Any = Job.objects.filter(lease_owner__startswith=f"{worker.name}:").annotate(now=Now())
        hands.held = {row.pk: row.lease_token for row in mine if worker.is_ended or row.lease_expires_at > row.now}
        live = {row.lease_token for row in mine if row.lease_expires_at > row.now}
        assert hands.over.isdisjoint(live), "A lease that was over was extended."
        if worker.is_ended:
            self._nobody_knows(hands)
            del self.hands[worker]

    def _nobody_knows(self, hands: Hands) -> None:
        for pk in hands.held:
            self.told[pk].is_disturbed = True
        hands.over |= {*hands.held.values()}
        hands.held.clear()

    # -- What must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        assert not self.wrong, self.wrong
        rows = {row.pk: row for row in Job.objects.all()}
        self._meet_retries(rows)
        assert rows.keys() == self.told.keys(), "A row was lost, or written twice."
        for pk, told in self.told.items():
            self._check(told, rows[pk])
            told.row = rows[pk]
        active = [row for row in rows.values() if row.state not in ENDED and not row.is_batch]
        paths = [(row.kind, row.parameters.get("path", "")) for row in active]
        keys = Counter(key for key in paths if key[0] == ALONE or key[1])
        assert not keys or max(keys.values()) == 1, "Two are active of which one may be."
        for hands in self.hands.values():
            for pk, token in hands.held.items():
                assert rows[pk].lease_token == token, f"A live lease of job {pk} was taken."

    def _meet_retries(self, rows: Mapping[UUID, Job]) -> None:
        """Those that somebody wrote by asking for one again."""
        for pk, row in rows.items():
            of_retry = row.retry_of_id or (row.parent_id and rows[row.parent_id].retry_of_id)
            if pk not in self.told and of_retry:
                self.told[pk] = Told(row)

    def _check(self, told: Told, row: Job) -> None:
        before, name = told.row, f"Job {row.pk} ({row.kind})"
        assert (row.lease_token is not None) == (row.state in RUNNING and not row.is_batch)
        assert (row.finished_at is not None) == (row.state in ENDED)
        assert row.progress_current >= before.progress_current
        if before.state in ENDED:
            for column in AT_THE_END:
                assert getattr(row, column) == getattr(before, column), f"{name} had ended, and its {column} changed."
        if row.is_batch:
            self._check_batch(row)
            return
        assert row.attempts <= ATTEMPTS_MAX[row.kind] + told.retries, f"{name} was begun {row.attempts} times."
        assert told.begun <= row.attempts
        if row.state == JobState.SUCCESS:
            assert (row.pk, row.result) in self.succeeded, f"{name} is said to have succeeded."
        if row.state == JobState.REVOKED:
            is_expired = row.error_code == ErrorCode.EXPIRED and told.may_expire
            assert told.is_stop_wished or is_expired, f"Nobody stopped {name}."
        if row.state == JobState.FAILURE and row.error_code == ErrorCode.WORKER_LOST:
            assert told.is_disturbed, f"Nobody disturbed the worker of {name}."
        if row.state == JobState.FAILURE and row.error_code == ErrorCode.FAILED:
            assert told.retries or self.is_database_lost, f"Nothing was wrong with {name}."

    def _check_batch(self, row: Job) -> None:
        children = [told.row for told in self.told.values() if told.row.parent_id == row.pk]
        states = Counter(Job.objects.filter(parent=row).values_list("state", flat=True))
        counts = (row.children_done, row.children_failed, row.children_cancelled)
        assert counts == (states["SUCCESS"], states["FAILURE"], states["REVOKED"])
        assert row.progress_current == sum(counts)
        assert row.children_total == len(children)
        assert (row.state in ENDED) == (sum(counts) == len(children))
        if row.state == JobState.SUCCESS:
            assert states["SUCCESS"] == len(children)

    def are_open(self) -> list[UUID]:
        return [pk for pk, told in self.told.items() if told.row.state not in ENDED]
