"""What was written batch by batch, and whoever acts between two batches."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals

from styleguide_example.announcements.models import Announcement
from styleguide_example.emails.models import Email
from styleguide_example.users.models import User


def addresses() -> Counter[str]:
    """How many e-mails each address has got."""
    return Counter(email.to[0] for email in Email.objects.all())


def everyone() -> Counter[str]:
    """One e-mail for each person."""
    return Counter(User.objects.values_list("email", flat=True))


def account_of(announcement: Announcement) -> tuple[int, int, int]:
    """Written, suppressed, invalid."""
    announcement.refresh_from_db()
    return announcement.written, announcement.suppressed, announcement.invalid


@contextmanager
def after_batch(number: int, act: Callable[[], Any]) -> Iterator[None]:
    """Act when so many batches are committed, as somebody else would at that moment: their wake-ups tell when."""
    woken = []

    def receiver(sender: str, **_: Any) -> None:
        woken.append(sender)
        if len(woken) == number:
            act()

    signals.before_task_publish.connect(receiver, weak=False)
    try:
        yield
    finally:
        signals.before_task_publish.disconnect(receiver)
