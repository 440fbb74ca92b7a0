"""Which server sends: the one that is asked for, or its fallback while it is down.

*Down* is what everybody sees: so many failures in a row, of whichever process, and no success in between. After a while
one e-mail of one process tries it, and the others go on with the fallback until that one says that it works.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models.functions import Now

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.models import SendingPace
from styleguide_example.emails.scopes import Clock, Trouble, Troubles, scope_locked, scope_of, scope_of_connecting

logger = structlog.get_logger(__name__)

#: Failures so far apart are not in a row.
FAILURES_FORGOTTEN_SECONDS = 60
#: After this time another process tries it: the one that did has died. Longer than connecting may take.
TRIAL_SECONDS = 30.0


class Failover:
    """What one process knows, and tells the others, of servers that cannot be reached."""

    def __init__(self, clock: Clock, troubles: Troubles) -> None:
        self._clock = clock
        self._troubles = troubles
        #: Servers that this process is trying, and those of them for which no e-mail was chosen yet.
        self._trying: set[str] = set()
        self._without_email: set[str] = set()

    def route(self, alias: str) -> str:
        """Return the first server of the chain that is up, or is to be tried. ``alias`` itself when all are down."""
        if not self._troubles:
            return alias
        usable = (server for server in chain(alias) if self._is_up(server) or self._is_to_be_tried(server))
        return next(usable, alias)

    def admits(self, server: str) -> bool:
        """Whether a message may go to ``server``. No: we are trying it, and another e-mail was chosen for that."""
        return self._is_up(server) or server not in self._trying or server in self._without_email

    def admitted(self, server: str) -> None:
        """Note that a message goes to ``server``: if that is tried, no other one may."""
        self._without_email.discard(server)

    def closed_until(self, alias: str) -> datetime | None:
        """Return until when nothing can be sent by ``alias`` or a fallback: all are down, or the next one has a pause.

        None: it is open. Asks nobody and tries nothing.
        """
        times = []
        for server in chain(alias):
            at = self._down_until(server)
            if at is None:
                return self._troubles.paused_until(scope_of(server))
            times.append(at)
        return min(times)

    def unreachable(self, server: str) -> None:
        """Note that connecting failed. Enough of that, by whomever, and the server is down."""
        if not _matters(server):
            return
        is_trying = server in self._trying
        if self._down_until(server) and not is_trying:
            return  # everybody knows
        self._end_trial(server)
        scope = scope_of_connecting(server)
        with scope_locked(scope, self._clock) as (row, now):
            after = _after_failure(row, now, is_trying=is_trying)
            SendingPace.objects.filter(pk=row.pk).update(
                level=after.level, paused_until=after.paused_until, changed_at=now
            )
        self._troubles.put(scope, after)
        if after.paused_until is not None and after.paused_until != row.paused_until:
            logger.error("email_server_down", server=server, fallback=_fallback(server), failures=after.level)

    def reached(self, server: str) -> None:
        """Note that connecting worked. Costs nothing while nobody said otherwise."""
        self._end_trial(server)
        scope = scope_of_connecting(server)
        trouble = self._troubles.get(scope)
        if trouble is None:
            return
        ended = SendingPace.objects.filter(scope=scope, level__gt=0).update(
            level=0, paused_until=None, changed_at=Now()
        )
        self._troubles.put(scope, None)
        if ended and trouble.paused_until is not None:
            logger.info("email_server_up", server=server)

    def _is_up(self, server: str) -> bool:
        trouble = self._troubles.get(scope_of_connecting(server))
        return trouble is None or trouble.paused_until is None

    def _down_until(self, server: str) -> datetime | None:
        if server in self._trying:
            return None
        return self._troubles.paused_until(scope_of_connecting(server))

    def _is_to_be_tried(self, server: str) -> bool:
        return server in self._without_email or self._try(server)

    @persistent
    def _try(self, server: str) -> bool:
        """Whether it falls to this process to find out if ``server`` is back: to one, and to one e-mail of it."""
        scope = scope_of_connecting(server)
        trouble = self._troubles.get(scope)
        if trouble is None or self._troubles.paused_until(scope):
            return False
        until = Now() + timedelta(seconds=TRIAL_SECONDS)
        rows = SendingPace.objects.filter(scope=scope, level__gt=0, paused_until__lte=Now())
        is_ours = bool(rows.update(paused_until=until, changed_at=Now()))
        at = self._clock.now() + timedelta(seconds=TRIAL_SECONDS)
        self._troubles.put(scope, Trouble(trouble.level, paused_until=at))
        if is_ours:
            self._trying.add(server)
            self._without_email.add(server)
            logger.info("email_server_tried", server=server)
        return is_ours

    def _end_trial(self, server: str) -> None:
        self._trying.discard(server)
        self._without_email.discard(server)


def chain(alias: str) -> Iterator[str]:
    """Yield ``alias``, its fallback, the fallback of that, and so on: each once."""
    seen: set[str] = set()
    while alias and alias not in seen:
        seen.add(alias)
        yield alias
        alias = _fallback(alias)


def _fallback(server: str) -> str:
    return str(settings.EMAIL_SENDING_SERVERS.get(server, {}).get("fallback", ""))


def _matters(server: str) -> bool:
    """Whether it makes a difference that ``server`` is down: it has a fallback, or is one."""
    return bool(_fallback(server)) or any(
        values.get("fallback") == server for values in settings.EMAIL_SENDING_SERVERS.values()
    )


def _after_failure(row: SendingPace, now: datetime, *, is_trying: bool) -> Trouble:
    if row.level and row.paused_until is not None and row.paused_until > now and not is_trying:
        return Trouble(row.level, row.paused_until)
    is_in_a_row = bool(row.level) and row.changed_at > now - timedelta(seconds=FAILURES_FORGOTTEN_SECONDS)
    level = min(row.level + 1, 30_000) if is_in_a_row or row.paused_until is not None else 1
    if level < settings.EMAIL_SERVER_DOWN_AFTER_FAILURES and row.paused_until is None:
        return Trouble(level)
    return Trouble(level, now + timedelta(seconds=settings.EMAIL_SERVER_DOWN_SECONDS))
