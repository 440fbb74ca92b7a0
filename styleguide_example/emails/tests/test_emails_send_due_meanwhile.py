"""While a burst goes on: one that is slow holds up no other, and what happens to the rows meanwhile is honoured."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.common.tests.racing import meanwhile
from styleguide_example.core.enums import Priority
from styleguide_example.emails import bursts
from styleguide_example.emails.bulk import email_batch_cancel
from styleguide_example.emails.enums import FailureKind
from styleguide_example.emails.exceptions import EmailStatusConflictError
from styleguide_example.emails.models import Email
from styleguide_example.emails.services import email_cancel, email_sweep
from styleguide_example.emails.tests.factories import email_asked_for, emails_left_behind
from styleguide_example.emails.tests.sending import burst
from styleguide_example.emails.tests.smtp_server import HOLD, SILENCE, SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)

SENT, SENDING, FAILED, CANCELLED = (
    Email.Status.SENT,
    Email.Status.SENDING,
    Email.Status.FAILED,
    Email.Status.CANCELLED,
)
PATIENCE = 10  # seconds; only a hang lasts so long


@pytest.fixture(autouse=True)
def two_connections(settings: Settings) -> None:
    settings.EMAIL_SENDING_CONNECTIONS = 2
    settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT_AFTER_DATA = PATIENCE


def _wait_until_sent(count: int) -> None:
    wait_until(lambda: Email.objects.filter(status=SENT).count() == count)


class TestOneThatIsSlow:
    @pytest.mark.parametrize("step", ["connect", "rcpt", "message"])
    def test_holds_up_no_other(self, smtp: SMTPServer, step: str) -> None:
        smtp.fail(step, HOLD)
        emails_left_behind(30)
        with meanwhile(burst) as bursting:
            _wait_until_sent(29)
            assert not bursting.done()
            smtp.released.set()
        assert bursting.result() == 30
        assert smtp.connected_peak <= 2

    def test_holds_up_nothing_that_becomes_due_after_the_time_of_the_burst(
        self, smtp: SMTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The task waits for what it has on the wire, so it had better do something in the meantime."""
        settings.EMAIL_SENDING_BURST_SECONDS, settings.EMAIL_TIMEOUT_AFTER_DATA = 20, 60
        # The time of the burst is over as soon as the server says nothing, and by more than a moment; never before.
        on_the_wire = smtp.reached["message"]
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (25 if on_the_wire.is_set() else 0))
        monkeypatch.setattr(bursts, "time", clock)
        smtp.fail("message", HOLD)
        emails_left_behind(1)
        with meanwhile(burst):
            assert on_the_wire.wait(PATIENCE)
            emails_left_behind(10)
            _wait_until_sent(10)
            smtp.released.set()
        assert set(Email.objects.values_list("status", "attempts")) == {(SENT, 1)}

    def test_costs_the_others_nothing_when_it_is_given_up(self, smtp: SMTPServer, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT = 2
        smtp.fail("rcpt", SILENCE)
        emails_left_behind(30)
        assert burst() == 29
        assert set(Email.objects.filter(status=SENT).values_list("attempts", flat=True)) == {1}
        failed = Email.objects.get(status=SENDING)
        assert failed.failed_attempts.get().kind == FailureKind.TRANSIENT


class TestOneDomainThatFails:
    @pytest.mark.parametrize("answer", ["450 busy", "451 4.7.1 too fast", "550 no"])
    def test_holds_up_no_other(self, smtp: SMTPServer, settings: Settings, answer: str) -> None:
        settings.EMAIL_SLOW_DOWN_PAUSE_SECONDS = 30  # of that domain
        smtp.refusals = {"@down.example": answer}
        for number in range(15):
            emails_left_behind(1, to=[f"a{number}@down.example"])
            emails_left_behind(1)
        assert burst() == 15
        assert Email.objects.filter(status=SENT, to__0__endswith="@example.org").count() == 15
        assert not Email.objects.exclude(lease_token=None).exists()


class TestOneThatIsUrgent:
    def test_overtakes_what_waits_when_it_is_written_in_the_middle(self, smtp: SMTPServer) -> None:
        """One of two connections hangs, the other is slow: what is held lasts for two seconds."""
        smtp.fail("message", HOLD)
        smtp.seconds_per_message = 0.25
        emails_left_behind(400, priority=Priority.LOW)
        with meanwhile(burst):
            smtp.wait_for(2)
            # Just after it has filled its hands again.
            wait_until(lambda: Email.objects.exclude(lease_token=None).count() >= 9)
            waits = [_wait_of_an_urgent_one(smtp) for _ in range(3)]
            Email.objects.filter(lease_token=None, status=SENDING).delete()
            smtp.released.set()
        # Within a second is the contract. A machine that pauses may spoil one of three, and lets no other go before it.
        assert min(seconds for seconds, _ in waits) < 1.0
        assert max(before for _, before in waits) * smtp.seconds_per_message < 1.0


def _wait_of_an_urgent_one(smtp: SMTPServer) -> tuple[float, int]:
    """Write one in the middle of the others. Returns how many seconds it took, and how many others went before it."""
    written_at = time.time()
    urgent = email_asked_for(priority=Priority.HIGH)
    wait_until(lambda: urgent.message_id in smtp.copies(), timeout=5)
    (received,) = [one for one in smtp.received if one.message_id == urgent.message_id]
    return received.at - written_at, len([one for one in smtp.received if written_at < one.at < received.at])


class TestOneThatIsCancelled:
    def test_is_not_sent_while_others_of_the_burst_are(self, smtp: SMTPServer) -> None:
        smtp.fail("message", HOLD, HOLD)
        emails = emails_left_behind(30)
        with meanwhile(burst):
            assert smtp.reached["message"].wait(PATIENCE)
            assert email_cancel(email=emails[-1]).status == CANCELLED
            with pytest.raises(EmailStatusConflictError, match="a worker is sending it right now"):
                email_cancel(email=emails[0])
            smtp.released.set()
        assert emails[-1].message_id not in smtp.copies()
        assert Email.objects.filter(status=SENT).count() == 29

    def test_with_its_batch_is_sent_or_cancelled_and_never_both(self, smtp: SMTPServer) -> None:
        smtp.fail("message", HOLD, HOLD)
        emails_left_behind(60, batch="news:7")
        with meanwhile(burst):
            assert smtp.reached["message"].wait(PATIENCE)
            while email_batch_cancel(batch="news:7", limit=10):
                pass
            smtp.released.set()
        sent = set(Email.objects.filter(status=SENT).values_list("message_id", flat=True))
        assert set(smtp.copies()) == sent
        assert Email.objects.filter(status=CANCELLED).count() == 60 - len(sent)
        assert 0 < len(sent) <= 10  # two on the wire, eight in hand


class TestOneThatExpires:
    def test_is_not_sent_any_more_whether_it_waits_or_is_held(self, smtp: SMTPServer) -> None:
        smtp.fail("message", HOLD, HOLD)
        emails_left_behind(2, priority=Priority.HIGH)  # these go first, even if all are written in one millisecond
        soon = timezone.now() + timedelta(seconds=0.5)
        emails_left_behind(30, expires_at=soon)
        with meanwhile(burst):
            assert smtp.reached["message"].wait(PATIENCE)
            wait_until(lambda: timezone.now() > soon + timedelta(seconds=0.1))
            smtp.released.set()
        assert len(smtp.received) == 2
        assert set(Email.objects.exclude(expires_at=None).values_list("attempts", "lease_token")) == {(0, None)}
        email_sweep()
        assert Email.objects.filter(status=FAILED, last_error__startswith="Expired").count() == 30
