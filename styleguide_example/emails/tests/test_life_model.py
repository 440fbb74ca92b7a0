"""Whatever happens to e-mails in whatever order: none is lost, none is stuck, and none arrives twice unless it must."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from pytest_django import Settings

from styleguide_example.common import persistence, wakeups
from styleguide_example.common.tests import lives
from styleguide_example.common.tests.lives import HOUR, Event, Life, event, often, orders, which
from styleguide_example.common.tests.pausing import TO_THE_END, Order, PausableWorker
from styleguide_example.core.enums import Priority
from styleguide_example.emails import (
    bulk,
    bursts,
    delivery,
    limits,
    services,
    suppressions,
)
from styleguide_example.emails.enums import SuppressionReason, UnknownOutcome
from styleguide_example.emails.models import Email, EmailAttempt, SendingPace, Suppression
from styleguide_example.emails.tests.life import MAX_ATTEMPTS, SUPPRESSED, Model
from styleguide_example.emails.tests.life_workers import conversations_end, send
from styleguide_example.emails.tests.sending import farewell
from styleguide_example.emails.tests.smtp_server import HANG_UP, TAKEN_THEN_HANG_UP, SMTPServer

pytestmark = [pytest.mark.long, pytest.mark.no_services, pytest.mark.django_db(transaction=True)]

each = lives.lives_of(45)
#: What may go wrong at the server, once: the step and the answer.
ANSWERS = [
    ("connect", "421 busy"),
    ("mail", "451 later"),
    ("rcpt", "450 later"),
    ("rcpt", "554 5.7.1 never"),
    ("body", HANG_UP),
    ("message", "451 later"),
    ("message", "554 5.7.1 never"),
    ("message", HANG_UP),
    ("message", TAKEN_THEN_HANG_UP),
    ("message", TAKEN_THEN_HANG_UP),
]
READERS = ["ada@example.org", "bob@example.org"]
BATCH = "news"
POISON = "poison@example.net"
#: Enough for every attempt, every hour to wait, and clocks that were put back.
ROUNDS_MAX = 40
DECISIONS = ("ask", "cancel", "retry", "resend", "delete", "stop_batch", "resume_batch", "unsubscribe", "come_back")
EVENTS = (
    *lives.EVENTS,
    event(
        "one_is_written",
        is_asked_for=st.sampled_from([True, True, False]),
        priority=st.sampled_from([Priority.HIGH, Priority.NORMAL, Priority.LOW]),
        to_wait=st.sampled_from([None, None, 1]),
        to_live=st.sampled_from([None, None, 2]),
        is_poison=st.sampled_from([False, False, True]),
    ),
    event("many_are_written"),
    *often(2, "somebody_decides", which=which, do=st.sampled_from(DECISIONS)),
    *often(3, "one_begins_to_send", which=which, order=orders, is_warm=st.booleans()),
    *often(2, "a_burst_begins", order=orders),
    event("a_sweep_begins", order=orders),
    event("one_is_never_heard", which=which),
    *often(2, "the_server_will_fail", failure=st.sampled_from(ANSWERS)),
)


class EmailLife(Life):
    """E-mails, those who send and sweep them, a server that fails now and then, and people."""

    times: ClassVar = {
        Email: [
            "created_at",
            "queued_at",
            "next_attempt_at",
            "woken_at",
            "lease_expires_at",
            "send_after",
            "expires_at",
        ],
        EmailAttempt: ["ended_at"],
    }

    def __init__(self, edge: SMTPServer, settings: Settings) -> None:
        super().__init__()
        self._edge, self._settings = edge, settings
        for model in (EmailAttempt, Email, Suppression, SendingPace):
            model._default_manager.all().delete()
        edge.received.clear()
        edge.script.clear()
        limits.gate_forget()
        self.model = Model(edge)
        self._keys = 0

    @initialize(policy=st.sampled_from([UnknownOutcome.RESEND, UnknownOutcome.RESEND, UnknownOutcome.HOLD]))
    def the_first_are_written(self, policy: UnknownOutcome) -> None:
        self._settings.EMAIL_SENDING_UNKNOWN_OUTCOME = policy.value
        self.model.holds = policy is UnknownOutcome.HOLD
        self.one_is_written(is_asked_for=True, priority=Priority.NORMAL, to_wait=None, to_live=None, is_poison=False)
        self.many_are_written()

    @rule(event=st.one_of(EVENTS))
    def something_happens(self, event: Event) -> None:
        self.happens(event)

    # -- People --------------------------------------------------------------------------------------------------------

    def one_is_written(
        self, *, is_asked_for: bool, priority: Priority, to_wait: int | None, to_live: int | None, is_poison: bool
    ) -> None:
        self._keys += 1
        email = services.email_create(
            to=[POISON if is_poison else f"person{self._keys}@example.org"],
            subject="Hello",
            plain_text="Hello\n",
            priority=priority,
            send_after=self._in_hours(to_wait),
            expires_at=self._in_hours(to_live),
            idempotency_key=str(self._keys),
        )
        if is_asked_for:
            services.email_queue(email=email)
        self.model.written(email, hours_to_wait=to_wait, hours_to_live=to_live)

    def _in_hours(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.database_now() + hours * HOUR

    def many_are_written(self) -> None:
        """The same keys each time: those that are there already are not written again."""
        emails = [
            bulk.NewEmail(idempotency_key=f"{BATCH}:{to}", to=to, subject="News", html="", plain_text="News\n")
            for to in READERS
        ]
        bulk.email_create_all(emails=emails, batch=BATCH)
        for email in Email.objects.filter(batch=BATCH).order_by("pk"):
            self.model.written(email)

    def somebody_decides(self, which: int, do: str) -> None:
        """Whatever it is that they want: a refusal is an answer."""
        if email := self.model.pick(which):
            getattr(self, f"_{do}")(email)

    def _ask(self, email: Email) -> None:
        self.model.decided(services.email_queue(email=email))

    def _cancel(self, email: Email) -> None:
        self.model.decided(services.email_cancel(email=email))

    def _retry(self, email: Email) -> None:
        self.model.decided(services.email_retry(email=email))

    def _resend(self, email: Email) -> None:
        self.model.written(services.email_resend(email=email, reason="It was asked for."))

    def _delete(self, email: Email) -> None:
        del self.model.told[email.pk]
        email.delete()

    def _stop_batch(self, _: Email) -> None:
        bulk.email_batch_cancel(batch=BATCH)
        self._decided_of_the_batch()

    def _resume_batch(self, _: Email) -> None:
        bulk.email_batch_resume(batch=BATCH)
        self._decided_of_the_batch()

    def _decided_of_the_batch(self) -> None:
        for email in Email.objects.filter(batch=BATCH):
            self.model.decided(email)

    def _unsubscribe(self, email: Email) -> None:
        suppressions.suppression_add(address=email.to[0], reason=SuppressionReason.UNSUBSCRIBED)
        self.model.closed(Email.objects.filter(pk=email.pk, batch=BATCH), SUPPRESSED)

    def _come_back(self, email: Email) -> None:
        suppressions.suppression_remove(address=email.to[0])
        self.model.opened(Email.objects.filter(pk=email.pk, batch=BATCH), SUPPRESSED)

    # -- Machines ------------------------------------------------------------------------------------------------------

    def one_begins_to_send(self, which: int, order: Order, *, is_warm: bool) -> None:
        """Whatever its message is about: it came twice, late, or is forged."""
        if email := self.model.pick(which):
            self._begin(partial(send, email.pk, is_warm=is_warm), order)

    def begin(self, which: int, order: Order) -> None:
        if which in {2, 3}:
            self.a_burst_begins(order)
        else:
            self.one_begins_to_send(which, order, is_warm=which % 2 == 0)

    def a_burst_begins(self, order: Order) -> None:
        self._begin(lambda name: bursts.emails_send_due(owner=name), order)

    def a_sweep_begins(self, order: Order) -> None:
        self._begin(lambda _: delivery.email_sweep(), order)

    def one_is_never_heard(self, which: int) -> None:
        """The server takes it each time, and never says so."""
        for _ in range(MAX_ATTEMPTS):
            self.the_server_will_fail(("message", TAKEN_THEN_HANG_UP))
            self.one_begins_to_send(which, TO_THE_END, is_warm=True)
            self.check()
            self.an_hour_passes()

    def the_server_will_fail(self, failure: tuple[str, str]) -> None:
        step, answer = failure
        self._edge.script.clear()
        self._edge.fail(step, answer)

    def _begin(self, work: Callable[[str], object], order: Order) -> None:
        worker = self.worker_new(work, before_stop=conversations_end, farewell=farewell)
        self.model.begun(worker)
        self.advance(worker, order)

    def advance(self, worker: PausableWorker, order: Order) -> None:
        before, script = len(self._edge.received), self._scripted()
        super().advance(worker, order)
        step, answer = script if script != self._scripted() and script else ("", "")
        self.model.connects_failed += step == "connect"
        self.model.ended_by_the_server += answer == HANG_UP or answer.startswith("554")
        arrived = [received.message_id for received in self._edge.received[before:]]
        self.model.advanced(worker, arrived, unheard=answer == TAKEN_THEN_HANG_UP)

    def _scripted(self) -> tuple[str, str] | None:
        return next(((step, answers[0]) for step, answers in [*self._edge.script.items()] if answers), None)

    # -- What must hold ------------------------------------------------------------------------------------------------

    def hours_passed(self, hours: int) -> None:
        self.model.hours_passed(hours)

    def check(self) -> None:
        self.model.check()
        self.model.step += 1

    def come_to_rest(self) -> None:
        """The server is well, and hour by hour what a sweep finds is sent. Each that was asked for comes to its end."""
        self._edge.script.clear()
        for _ in range(ROUNDS_MAX):
            if not self.model.are_open():
                return
            self.the_databases_clock_jumps(1)
            left = delivery.email_sweep()
            for email in left.emails:
                self._begin(partial(send, email.pk, is_warm=True), TO_THE_END)
            if left.is_burst:
                self.a_burst_begins(TO_THE_END)
            self.check()
        stuck = Email.objects.filter(pk__in=self.model.are_open()).values()
        raise AssertionError(f"Stuck: {[*stuck]}")


class TestEmailLife:
    @pytest.fixture(autouse=True)
    def one_connection(self, settings: Settings, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that what is on the wire at any moment is the same each time."""
        settings.EMAIL_SENDING_CONNECTIONS = 1
        settings.EMAIL_SENDING_BURST_FROM = 2
        settings.EMAIL_SENDING_MAX_ATTEMPTS = MAX_ATTEMPTS
        settings.EMAIL_SENDING_MAX_AGE_SECONDS = 10**7
        monkeypatch.setattr(persistence, "PAUSES_SECONDS", (0.0,))
        monkeypatch.setattr(wakeups._Pause, "until", float("inf"))  # no message of any e-mail arrives
        smtp.refusals[POISON] = "450 4.2.0 later"

    def test_keeps_what_is_promised(self, smtp: SMTPServer, settings: Settings) -> None:
        life: Any = partial(EmailLife, smtp, settings)
        run_state_machine_as_test(life, settings=each)
