"""The moments of an e-mail's life, in order, with what was in between."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from styleguide_example.emails.enums import CancelReason, FailureKind, Phase
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import email_cancel, email_resend, email_retry
from styleguide_example.emails.tests.factories import EmailFactory, email_asked_for, email_ended, email_made_due
from styleguide_example.emails.tests.sending import Send
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.emails.timeline import Event, email_timeline
from styleguide_example.emails.words import span_words

pytestmark = pytest.mark.django_db


def _words(email: Email) -> list[str]:
    email.refresh_from_db()
    return [event.look.word for event in email_timeline(email)]


def _event(email: Email, word: str) -> Event:
    return next(event for event in email_timeline(email) if event.look.word == word)


def _attempt(email: Email, at: datetime, **fields: Any) -> EmailAttempt:
    given = {"number": 1, "kind": FailureKind.TRANSIENT, "error": "451 later", **fields}
    return EmailAttempt.objects.create(email=email, ended_at=at, **given)


class TestEmailTimeline:
    @pytest.mark.django_db(transaction=True)
    def test_tells_of_a_failed_attempt_and_of_the_one_that_went_well(self, send: Send, smtp: SMTPServer) -> None:
        smtp.fail("rcpt", "451 4.7.1 Greylisted")
        email = send(email_asked_for(category="welcome"))
        assert _words(email) == ["Written", "Asked for", "Claimed", "Attempt 1 failed", "Next attempt is due"]
        failed = _event(email, "Attempt 1 failed")
        assert failed.reply == "451 4.7.1 Greylisted"
        worker = email.worker
        assert f"by {worker}" in failed.facts
        assert any(fact.endswith(" ms") for fact in failed.facts)

        email = send(email_made_due(email))

        assert _words(email) == ["Written", "Asked for", "Attempt 1 failed", "Claimed", "Sent"]
        assert _event(email, "Claimed").facts == (f"by {worker}", "attempt 2")
        assert _event(email, "Sent").reply == email.smtp_reply
        assert _event(email, "Sent").facts == (f"{email.took_ms:,} ms",)

    def test_says_how_long_after_the_one_before(self) -> None:
        email = email_asked_for()
        began = timezone.now() - timedelta(days=2)
        Email.objects.update(created_at=began, queued_at=began + timedelta(seconds=3.2))
        _attempt(email, began + timedelta(hours=1, seconds=3.2), took_ms=1250, phase=Phase.DATA)
        email.refresh_from_db()
        assert [event.gap for event in email_timeline(email)] == ["", "3.2 s", "1 h", ""]
        assert "1,250 ms" in _event(email, "Attempt 1 failed").facts

    def test_tells_of_a_retry_and_keeps_what_was_before(self) -> None:
        email = email_ended("failed")
        an_hour_ago = timezone.now() - timedelta(hours=1)
        Email.objects.update(created_at=an_hour_ago - timedelta(minutes=1))
        _attempt(email, an_hour_ago)
        email_retry(email=email)
        assert _words(email) == ["Written", "Attempt 1 failed", "Asked for again", "First attempt is due"]

    def test_tells_why_it_was_cancelled(self) -> None:
        by_person, with_batch = email_cancel(email=EmailFactory.create()), email_ended("cancelled")
        Email.objects.filter(pk=with_batch.pk).update(cancel_reason=CancelReason.STOPPED)
        with_batch.refresh_from_db()
        assert _event(by_person, "Cancelled").facts == ("by a person: the history says who",)
        assert _event(with_batch, "Cancelled").facts == (CancelReason.STOPPED.label,)

    def test_tells_what_is_expected(self) -> None:
        now = timezone.now()
        email = email_asked_for(send_after=now + timedelta(hours=1), expires_at=now + timedelta(hours=2))
        assert _words(email) == ["Written", "Asked for", "First attempt is due", "Expires"]
        assert [event.is_expected for event in email_timeline(email)] == [False, False, True, True]

    def test_names_the_one_that_it_is_a_copy_of_and_its_copies(self) -> None:
        old = email_ended("failed")
        copy = email_resend(email=old, reason="Again")
        assert (_event(old, "Resent").email_id, _event(copy, "Written").email_id) == (copy.pk, old.pk)

    def test_tells_an_error_once(self) -> None:
        told, expired = email_ended("failed"), email_ended("failed")
        _attempt(told, timezone.now(), error="The server answered 550 no", smtp_reply="550 no")
        Email.objects.filter(pk=told.pk).update(last_error="The server answered 550 no")
        Email.objects.filter(pk=expired.pk).update(last_error="Expired before it could be sent.")
        for email, reply in ((told, ""), (expired, "Expired before it could be sent.")):
            email.refresh_from_db()
            assert _event(email, "Failed").reply == reply


class TestSpanWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [(-1, "0 ms"), (0.34, "340 ms"), (3.21, "3.2 s"), (59.9, "59 s"), (250, "4 min 10 s"), (190_000, "2 d 4 h")],
    )
    def test_names_the_two_largest_units(self, seconds: float, words: str) -> None:
        assert span_words(timedelta(seconds=seconds)) == words
