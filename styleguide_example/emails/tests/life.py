"""What a person would say of e-mails that live through anything: told without the product's code."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from styleguide_example.common.tests.lives import pick
from styleguide_example.common.tests.pausing import PausableWorker
from styleguide_example.emails.enums import CancelReason, EmailStatus
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.smtp_server import SMTPServer

READY, SENDING, SENT = EmailStatus.READY, EmailStatus.SENDING, EmailStatus.SENT
FAILED, CANCELLED = EmailStatus.FAILED, EmailStatus.CANCELLED
ENDED = {SENT, FAILED, CANCELLED}
MAX_ATTEMPTS = 3
#: Chooses one that has ended, if there is any.
LAST = 5
EXPIRED, SUPPRESSED = "it expired", "its reader unsubscribed"


@dataclass
class Told:
    """One e-mail, as we know it."""

    email: Email
    status: str
    #: How often it may have arrived by now: once, and once more for each time that nobody could know.
    copies_allowed: int = 1
    #: How often it had arrived when it ended.
    copies_at_end: int | None = None
    #: How often the server took it and did not say so, since somebody last asked for it.
    unheard: int = 0
    #: A worker that held it was killed, cut off or late: nobody knows what it did.
    is_disturbed: bool = False
    #: In so many hours it may go out, and in so many not any more.
    hours_to_wait: int | None = None
    hours_to_live: int | None = None
    has_expired: bool = False
    #: Why nobody may begin to send it, and since which step.
    closed: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False)
class Hands:
    """A worker that stands still, what it holds, and what the server took of which it has not told the row."""

    worker: PausableWorker
    begun_at: int
    held: dict[int, UUID | None] = field(default_factory=dict)
    in_doubt: set[str] = field(default_factory=set)
    #: Leases that it had, and that are over.
    over: set[UUID | None] = field(default_factory=set)


class Model:
    """All e-mails. ``holds`` tells that what nobody can know waits for a person."""

    def __init__(self, edge: SMTPServer) -> None:
        self.edge = edge
        self.holds = False
        self.told: dict[int, Told] = {}
        self.hands: dict[PausableWorker, Hands] = {}
        self.step = 0
        #: How often the server did not let us in, and how often it refused one for good, or hung up in the middle.
        self.connects_failed = self.ended_by_the_server = 0

    # -- What happens --------------------------------------------------------------------------------------------------

    def written(self, email: Email, **hours: int | None) -> None:
        self.told.setdefault(email.pk, Told(email, email.status, **hours))  # type: ignore[arg-type]

    def decided(self, email: Email) -> None:
        """A person asked for it, stopped it, or asked for it again."""
        told = self.told[email.pk]
        if told.status in ENDED and email.status == SENDING:
            told.copies_allowed = max(told.copies_allowed, self.copies(told) + 1)
            told.copies_at_end, told.hours_to_wait, told.unheard = None, None, 0
        told.status = email.status

    def closed(self, emails: Iterable[Email], why: str) -> None:
        for email in emails:
            self.told[email.pk].closed[why] = self.step

    def opened(self, emails: Iterable[Email], why: str) -> None:
        for email in emails:
            self.told[email.pk].closed.pop(why, None)

    def hours_passed(self, hours: int) -> None:
        for told in self.told.values():
            if told.hours_to_wait is not None:
                told.hours_to_wait -= hours
            if told.hours_to_live is not None:
                told.hours_to_live -= hours
                self._expires(told, is_over=told.hours_to_live <= 0)
        if hours > 0:  # every lease has run out
            for hands in self.hands.values():
                self._nobody_knows(hands)
        else:
            for hands in self.hands.values():
                hands.over.clear()

    def _expires(self, told: Told, *, is_over: bool) -> None:
        told.has_expired |= is_over
        if is_over:
            told.closed.setdefault(EXPIRED, self.step)
        else:
            told.closed.pop(EXPIRED, None)

    def begun(self, worker: PausableWorker) -> None:
        self.hands[worker] = Hands(worker, self.step)

    def advanced(self, worker: PausableWorker, arrived: Iterable[str], *, unheard: bool) -> None:
        """A worker went on; the server took ``arrived``, and did not say so of the first one if it is ``unheard``."""
        hands = self.hands[worker]
        by_message_id = {told.email.message_id: told for told in self.told.values()}
        for position, message_id in enumerate(arrived):
            hands.in_doubt.add(message_id)
            if told := by_message_id.get(message_id):  # else it was deleted
                self._arrived(told, hands, unheard=unheard and position == 0)
        rows: Any = Email.objects.filter(lease_owner=worker.name).annotate(now=Now())
        mine = {row.pk: row for row in rows}
        hands.in_doubt &= {row.message_id for row in mine.values()}
        hands.held = {pk: row.lease_token for pk, row in mine.items() if row.lease_expires_at > row.now}
        assert hands.over.isdisjoint(hands.held.values()), "A lease that was over was extended."
        if worker.is_ended:
            hands.held = dict.fromkeys(mine)
            self._nobody_knows(hands)
            del self.hands[worker]

    def _arrived(self, told: Told, hands: Hands, *, unheard: bool) -> None:
        for why, step in told.closed.items():
            assert hands.begun_at <= step, f"E-mail {told.email.pk} was sent, though {why}."
        assert (told.hours_to_wait or 0) <= 0, f"E-mail {told.email.pk} was sent before its time."
        if unheard:
            told.unheard += 1
            told.copies_allowed += told.unheard == 1 and not self.holds

    def _nobody_knows(self, hands: Hands) -> None:
        """Whoever holds them is not believed any more: what is in doubt is sent once more, unless a person decides."""
        for told in self.told.values():
            told.is_disturbed |= told.email.pk in hands.held
            told.copies_allowed += told.email.message_id in hands.in_doubt and not self.holds
        hands.over |= {*hands.held.values()}
        hands.held.clear()
        hands.in_doubt.clear()

    # -- What must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        rows = {row.pk: row for row in Email.objects.all()}
        assert rows.keys() == self.told.keys(), "A row was lost."
        for pk, told in self.told.items():
            self._check_status(told, rows[pk])
            self._check_copies(told, rows[pk])
            told.status = rows[pk].status
        given_up = [rows[pk] for pk, told in self.told.items() if self._was_given_up_early(told, rows[pk])]
        assert len(given_up) <= self.ended_by_the_server, f"{given_up} were given up for no reason."
        for hands in self.hands.values():
            for pk, token in hands.held.items():
                assert pk not in rows or rows[pk].lease_token == token, f"A live lease of e-mail {pk} was taken."

    def _check_status(self, told: Told, row: Email) -> None:
        if row.status != told.status:
            assert told.status == SENDING, f"E-mail {row.pk} was {told.status} and is {row.status}."
            assert row.status != READY
            is_unwanted = row.cancel_reason == CancelReason.SUPPRESSED and SUPPRESSED in told.closed
            assert row.status != CANCELLED or is_unwanted, f"Nobody cancelled e-mail {row.pk}."
        if row.status in ENDED:
            assert (row.lease_token, row.next_attempt_at) == (None, None)
        uncounted = self.connects_failed
        assert row.attempts <= MAX_ATTEMPTS + uncounted, f"E-mail {row.pk} was tried {row.attempts} times."

    def _check_copies(self, told: Told, row: Email) -> None:
        copies = self.copies(told)
        assert copies <= told.copies_allowed, f"E-mail {row.pk} arrived {copies} times, of {told.copies_allowed}."
        assert row.message_id == told.email.message_id
        if row.status == SENT:
            assert copies, f"E-mail {row.pk} is SENT and never arrived."
        if row.status == READY:
            assert not copies, f"Nobody asked for e-mail {row.pk}."
        if row.status in ENDED:
            before = copies if told.copies_at_end is None else told.copies_at_end
            assert copies == before, f"E-mail {row.pk} was {row.status} and sent again."
            told.copies_at_end = copies

    def _was_given_up_early(self, told: Told, row: Email) -> bool:
        is_unknown = told.unheard > 1 or (told.unheard == 1 and told.is_disturbed)
        is_used_up = row.attempts >= MAX_ATTEMPTS or told.has_expired or is_unknown
        is_held = self.holds and (told.is_disturbed or told.unheard > 0)
        return row.status == FAILED and not is_used_up and not is_held

    # -- Questions -----------------------------------------------------------------------------------------------------

    def copies(self, told: Told) -> int:
        return self.edge.copies()[told.email.message_id]

    def are_open(self) -> list[int]:
        return [pk for pk, told in self.told.items() if told.status == SENDING]

    def pick(self, which: int) -> Email | None:
        first = self.are_open()
        among = [*first, *(pk for pk in self.told if pk not in first)]
        pk: int | None = pick(among, -1 if which == LAST else which)
        return None if pk is None else Email.objects.get(pk=pk)
