"""An announcement to many, while everything that can be killed is killed.

``ANNOUNCEMENT_DRILL_RECIPIENTS=10000`` makes it as large as one likes.
"""

import os
from collections import Counter

import pytest
from django.db.models import Count

from styleguide_example.announcements.enums import AnnouncementStatus
from styleguide_example.announcements.models import Announcement, AnnouncementSkip
from styleguide_example.announcements.selectors import announcement_account
from styleguide_example.announcements.services import announcement_cancel, announcement_resume, announcement_send
from styleguide_example.announcements.tests.factories import AnnouncementFactory, people_make, sender_make
from styleguide_example.announcements.tests.flows.helpers import (
    CONCURRENCY,
    WORKERS,
    Supervised,
    broker_restart,
    watched,
)
from styleguide_example.common.tests.processes import Broker, wait_until
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_batch_counts
from styleguide_example.emails.suppressions import suppression_add
from styleguide_example.emails.tests.smtp_server import SMTPServer
from styleguide_example.jobs.enums import JobState
from styleguide_example.jobs.models import Job

pytestmark = [pytest.mark.long, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

RECIPIENTS = int(os.environ.get("ANNOUNCEMENT_DRILL_RECIPIENTS", "400"))
#: So small that there is time to kill in between.
BATCH_SIZE = max(RECIPIENTS // 400, 1)
#: After which the message of an e-mail counts as lost. In a long queue it only waits, so not sooner than usual.
WAKE_AGAIN_SECONDS = 10 if RECIPIENTS <= 1000 else 30
SUPPRESSED, INVALID = 6, 3
PATIENCE_SECONDS = 60 + RECIPIENTS / 20


class TestAnnouncementDrill:
    def test_reaches_everybody_once_whatever_is_killed(
        self, supervised: Supervised, broker: Broker, smtp: SMTPServer
    ) -> None:
        sender = sender_make()
        _people()
        announcement = AnnouncementFactory.create()
        smtp.seconds_per_message = 0.2  # so that e-mails wait when it is stopped
        supervised.start(ANNOUNCEMENT_BATCH_SIZE=BATCH_SIZE, EMAIL_SENDING_WAKE_AGAIN_SECONDS=WAKE_AGAIN_SECONDS)

        with watched(announcement) as watch:
            job = announcement_send(announcement=announcement, by=sender)
            for share in (0.15, 0.30, 0.45):
                _wait_for(announcement, share)
                wait_until(lambda: supervised.kill_holder(job), every=0.002)
            _wait_for(announcement, 0.50)
            announcement_cancel(announcement=announcement, by=sender)
            wait_until(lambda: _state(job) == JobState.REVOKED, PATIENCE_SECONDS)
            stopped = Announcement.objects.get(pk=announcement.pk)
            rows = Email.objects.count()
            counts = email_batch_counts(batch=announcement.batch)
            smtp.seconds_per_message = 0

            broker_restart(broker)
            # Cancelled is cancelled: sweeps and new workers write no more, and nothing more goes out.
            assert (Email.objects.count(), stopped.written) == (rows, rows)
            assert email_batch_counts(batch=announcement.batch).stopped == counts.stopped > 0
            again = announcement_resume(announcement=announcement, by=sender)
            assert again is not None
            wait_until(lambda: _state(again) == JobState.SUCCESS, PATIENCE_SECONDS)
            wait_until(_are_all_sent, PATIENCE_SECONDS, every=0.2)

        assert supervised.kills == 3
        assert 0.45 * RECIPIENTS < stopped.dealt_with < 0.95 * RECIPIENTS
        _check_account(announcement, Job.objects.get(pk=again.pk))
        _check_copies(smtp, supervised.kills)
        assert not watch.went_back
        assert len(set(watch.dealt_with)) > 20


def _people() -> None:
    """``RECIPIENTS`` with the sender; some left, some cannot be written to."""
    people_make(RECIPIENTS - 1 - INVALID, full_name="Ada <b>Lovelace</b>")
    for number in range(INVALID):
        people_make(1, start=RECIPIENTS + number, email=f"nobody {number}")
    for number in range(SUPPRESSED):
        suppression_add(address=f"reader-{number * 7}@example.com", reason=SuppressionReason.UNSUBSCRIBED)


def _wait_for(announcement: Announcement, share: float) -> None:
    def is_reached() -> bool:
        return Announcement.objects.get(pk=announcement.pk).dealt_with >= share * RECIPIENTS

    wait_until(is_reached, PATIENCE_SECONDS, every=0.002)


def _state(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def _are_all_sent() -> bool:
    return not Email.objects.exclude(status=Email.Status.SENT).exists()


def _check_account(announcement: Announcement, job: Job) -> None:
    written = RECIPIENTS - SUPPRESSED - INVALID
    # Each recipient exactly one row, of one kind or the other.
    assert Email.objects.count() == written
    assert not Email.objects.values("to").annotate(copies=Count("pk")).filter(copies__gt=1).exists()
    assert AnnouncementSkip.objects.count() == SUPPRESSED + INVALID
    result = {"recipients": RECIPIENTS, "written": written, "suppressed": SUPPRESSED, "invalid": INVALID}
    assert job.result == result
    assert (job.progress_current, job.progress_total) == (RECIPIENTS, RECIPIENTS)
    account = announcement_account(announcement=announcement)
    assert (account.recipients, account.dealt_with) == (RECIPIENTS, RECIPIENTS)
    assert (account.sent, account.failed, account.waiting, account.deleted) == (written, 0, 0, 0)
    assert Announcement.objects.get(pk=announcement.pk).status is AnnouncementStatus.SENT


def _check_copies(smtp: SMTPServer, kills: int) -> None:
    """Each Message-ID once; but for those that were on the wire of a worker when it was killed."""
    copies = smtp.copies()
    assert set(copies) == set(Email.objects.values_list("message_id", flat=True))
    doubled = Counter({message_id: count - 1 for message_id, count in copies.items() if count > 1})
    # A worker whose broker went away under it may end too, with what it had in hand.
    assert doubled.total() <= CONCURRENCY * (kills + WORKERS)
