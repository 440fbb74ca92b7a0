"""How long e-mails took from the commit that asked for them until the server had them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from styleguide_example.emails.enums import EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.tasks.words import duration_in_words

#: The newest so many are measured: all of them where there are fewer.
SAMPLE_MAX = 5_000
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Wait:
    """Of ``count`` e-mails sent since ``since``: half took at most ``p50`` seconds, and 95 of 100 at most ``p95``.

    ``is_sample``: more were sent in that time, and these are the newest.
    """

    count: int
    p50: float | None
    p95: float | None
    since: datetime
    is_sample: bool

    @property
    def p50_in_words(self) -> str:
        """As in "0.4 s"; of none "-"."""
        return _in_words(self.p50)

    @property
    def p95_in_words(self) -> str:
        """The same."""
        return _in_words(self.p95)


def waits_recent(*, now: datetime) -> dict[str, Wait]:
    """Return the waits of the last ``hour`` and the last ``day``. One query.

    Of an e-mail that was retried the whole time counts; of one that was to go out later, the time from then on.
    """
    sent = Email.objects.filter(status=EmailStatus.SENT, ended_at__gte=now - DAY, queued_at__isnull=False)
    newest: Any = sent.order_by("-ended_at").values_list("ended_at", "queued_at", "send_after")[:SAMPLE_MAX]
    rows = [(ended, _seconds(ended, queued, send_after)) for ended, queued, send_after in newest]
    return {"hour": _wait(rows, since=now - HOUR), "day": _wait(rows, since=now - DAY)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of ``values`` that at least ``share`` of them do not exceed (nearest rank); None of none."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)] if ranked else None


def _in_words(seconds: float | None) -> str:
    return "-" if seconds is None else duration_in_words(timedelta(seconds=seconds))


def _seconds(ended: datetime, queued: datetime, send_after: datetime | None) -> float:
    asked = max(queued, send_after) if send_after else queued
    return max((ended - asked).total_seconds(), 0)


def _wait(rows: Sequence[tuple[datetime, float]], *, since: datetime) -> Wait:
    within = [seconds for ended, seconds in rows if ended >= since]
    is_sample = len(within) == SAMPLE_MAX
    return Wait(
        count=len(within),
        p50=percentile(within, 0.5),
        p95=percentile(within, 0.95),
        since=rows[-1][0] if is_sample else since,
        is_sample=is_sample,
    )
