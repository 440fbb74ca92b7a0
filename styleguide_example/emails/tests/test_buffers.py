"""What a burst holds and has not begun to send."""

import time
import uuid
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.core.enums import Priority
from styleguide_example.emails import buffers
from styleguide_example.emails.buffers import Buffer
from styleguide_example.emails.enums import CancelReason, EmailStatus, FailureKind, SuppressionReason
from styleguide_example.emails.limits import Gate
from styleguide_example.emails.models import Email
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.factories import emails_left_behind

pytestmark = pytest.mark.django_db


@pytest.fixture
def buffer(settings: Settings) -> Buffer:
    """For two connections, so it holds eight."""
    settings.EMAIL_SENDING_CONNECTIONS = 2
    return Buffer(owner="burst", gate=Gate(uuid.uuid4()))


def _taken(buffer: Buffer, server: str = "default") -> list[Email]:
    emails = []
    while (parcel := buffer.take(server)) is not None:
        emails.append(parcel.holding.email)
    return emails


def _rows() -> set[tuple[Any, ...]]:
    return set(Email.objects.values_list("status", "attempts", "lease_token"))


class TestBuffer:
    def test_has_room_for_four_messages_of_each_connection(self, buffer: Buffer) -> None:
        emails_left_behind(20)
        assert (buffer.capacity, buffer.room) == (8, 8)
        assert buffer.claim(5) == 5
        assert (len(buffer), buffer.room) == (5, 3)

    def test_gives_out_the_urgent_first_however_late_they_came(self, buffer: Buffer) -> None:
        low = emails_left_behind(2, priority=Priority.LOW)
        buffer.claim(8)
        high = emails_left_behind(2, priority=Priority.HIGH)
        normal = emails_left_behind(2)
        buffer.claim(8)
        assert _taken(buffer) == [*high, *normal, *low]

    def test_takes_in_only_what_is_more_urgent_than_all_that_it_holds_when_asked_to(self, buffer: Buffer) -> None:
        emails_left_behind(2)
        buffer.claim(8)
        emails_left_behind(2)
        emails_left_behind(1, priority=Priority.LOW)
        high = emails_left_behind(1, priority=Priority.HIGH)
        assert buffer.claim(8, is_more_urgent=True) == 1
        assert buffer.take("default").holding.email == high[0]  # type: ignore[union-attr]

    def test_asks_nothing_of_what_only_waits_for_its_turn(
        self, buffer: Buffer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else an urgent one would wait behind the limit of another's domain."""
        monkeypatch.setattr(buffers, "HOLD_SECONDS", 60.0)  # and it waits here for as long as this test lasts
        settings.EMAIL_LIMITS = {"default/slow.example": (0.03, None)}
        emails_left_behind(2, priority=Priority.HIGH, to=["ada@slow.example"])
        emails_left_behind(2)
        buffer.claim(8)
        assert [parcel is not None for parcel in (buffer.take("default"), buffer.take("default"))] == [True, True]
        high = emails_left_behind(1, priority=Priority.HIGH)
        assert buffer.claim(8, is_more_urgent=True) == 1
        assert buffer.take("default").holding.email == high[0]  # type: ignore[union-attr]

    def test_takes_in_whatever_there_is_when_it_is_empty(self, buffer: Buffer) -> None:
        emails_left_behind(1, priority=Priority.LOW)
        assert buffer.claim(8, is_more_urgent=True) == 1

    def test_has_a_message_for_each_that_it_gives_out(self, buffer: Buffer) -> None:
        emails_left_behind(2)
        buffer.claim(8)
        parcel = buffer.take("default")
        assert parcel is not None
        assert parcel.message is not None
        assert b"Subject: Hello" in parcel.message.payload()
        assert parcel.domains == ("example.org",)

    def test_builds_ahead_one_after_the_other(self, buffer: Buffer) -> None:
        emails_left_behind(3)
        buffer.claim(8)
        assert [buffer.build_ahead() for _ in range(4)] == [True, True, True, False]

    def test_ends_what_cannot_be_built_and_goes_on(self, buffer: Buffer) -> None:
        broken, good = emails_left_behind(2)
        Email.objects.filter(pk=broken.pk).update(to=["a, b"])
        buffer.claim(8)
        assert _taken(buffer) == [good]
        broken.refresh_from_db()
        assert (broken.status, broken.lease_token) == (EmailStatus.FAILED, None)
        assert broken.failed_attempts.get().kind == FailureKind.PERMANENT

    def test_ends_what_nobody_wants_any_more(self, buffer: Buffer) -> None:
        unwanted, wanted, personal = emails_left_behind(3, batch="news:7")
        Email.objects.filter(pk=personal.pk).update(batch=None, to=unwanted.to)
        suppression_add(address=unwanted.to[0], reason=SuppressionReason.UNSUBSCRIBED)
        assert buffer.claim(8) == 3
        assert _taken(buffer) == [wanted, personal]
        unwanted.refresh_from_db()
        assert (unwanted.status, unwanted.cancel_reason) == (EmailStatus.CANCELLED, CancelReason.SUPPRESSED)

    def test_gives_out_for_a_server_what_is_for_that_server(self, buffer: Buffer, settings: Settings) -> None:
        settings.EMAIL_SENDING_SERVERS = {"other": {"fallback": ""}}
        of_default, of_other = emails_left_behind(2), emails_left_behind(2, server="other")
        buffer.claim(8)
        assert buffer.servers() == {"default", "other"}
        assert _taken(buffer, "other") == of_other
        assert buffer.servers() == {"default"}
        assert _taken(buffer) == of_default

    def test_gives_everything_back_as_it_was(self, buffer: Buffer) -> None:
        emails_left_behind(6)
        buffer.claim(8)
        parcel = buffer.take("default")
        assert parcel is not None
        buffer.put_back(parcel)
        buffer.give_back()
        assert _rows() == {(EmailStatus.SENDING, 0, None)}
        assert (len(buffer), buffer.room) == (0, 8)

    def test_holds_nothing_that_has_expired(self, buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
        emails_left_behind(2, expires_at=timezone.now() + timedelta(seconds=60))
        others = emails_left_behind(1)
        assert buffer.claim(8) == 3
        in_a_minute = time.monotonic() + 60
        monkeypatch.setattr(buffers, "time", SimpleNamespace(monotonic=lambda: in_a_minute))
        assert _taken(buffer) == others
        buffer.defer()
        assert set(Email.objects.exclude(expires_at=None).values_list("attempts", "lease_token")) == {(0, None)}


class TestBufferWithLimits:
    def test_keeps_what_may_go_out_soon(self, buffer: Buffer, settings: Settings) -> None:
        settings.EMAIL_LIMITS = {"default": (2, None)}
        emails_left_behind(3)
        buffer.claim(8)
        first = _taken(buffer)
        assert 1 <= len(first) < 3
        assert len(buffer) == 3 - len(first)

        wait_until(lambda: bool(buffer.servers()) and bool(_taken(buffer)))

    def test_gives_back_what_may_not_go_out_for_long_with_the_time_of_its_turn(
        self, buffer: Buffer, settings: Settings
    ) -> None:
        settings.EMAIL_LIMITS = {"default/example.org": (0.1, None)}
        emails = emails_left_behind(4)
        buffer.claim(8)
        sent = _taken(buffer)
        buffer.defer()

        waiting = list(Email.objects.exclude(pk__in=[email.pk for email in sent]).order_by("pk"))
        assert len(waiting) == len(emails) - len(sent) >= 3
        assert {(email.attempts, email.lease_token) for email in waiting} == {(0, None)}
        turns = [email.next_attempt_at.timestamp() for email in waiting if email.next_attempt_at]
        assert len(turns) == len(waiting)
        assert all(9 <= later - sooner <= 11 for sooner, later in pairwise(turns))

    def test_takes_in_no_more_for_a_server_of_which_it_holds_enough_that_waits(
        self, buffer: Buffer, settings: Settings
    ) -> None:
        settings.EMAIL_SENDING_SERVERS = {"other": {"fallback": ""}}
        settings.EMAIL_LIMITS = {"default": (2, None)}
        emails_left_behind(20)
        buffer.claim(8)
        for _ in range(3):
            _taken(buffer)
            buffer.claim(buffer.room)
        waiting = Email.objects.filter(server="", lease_token__isnull=False).count()
        assert waiting <= 2 * buffer.capacity
        of_other = emails_left_behind(2, server="other")
        buffer.claim(8)
        assert _taken(buffer, "other") == of_other
