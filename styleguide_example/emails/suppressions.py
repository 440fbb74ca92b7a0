"""Addresses that get no e-mail written to many: their readers unsubscribed, or mail servers refused them for good.

Whoever writes to many asks here first, and an e-mail with a ``batch`` is looked up once more before it goes out.
Nothing else asks: what is written to one person (a confirmation, a receipt) never depends on this list.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parseaddr

import structlog

from styleguide_example.common.persistence import persistent
from styleguide_example.emails.enums import SuppressionReason
from styleguide_example.emails.models import Suppression

logger = structlog.get_logger(__name__)

#: "This address does not exist", "not here", "not a name": RFC 5321 4.2.3.
_HARD_BOUNCES = ("550", "551", "553")
#: Servers say 550 for many things: one misconfigured server ("relay not permitted") must not suppress everybody. The
#: extended code (RFC 3463) tells, wherever it stands (qmail writes "(#5.1.1)" last), but for an IP address like it.
_EXTENDED = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_ABOUT_THE_ADDRESS = re.compile(r"5\.1\.([12346]|10)|5\.2\.1")
_TELLS_NOTHING = "5.0.0"
#: Without a code (Exim gives none) the words have to say that nobody is there, and must not be about us.
_WHOSE = "user|person|mailbox|recipient|address|account"
_NOBODY = re.compile(
    rf"\bno such ({_WHOSE}|local)|\b(unknown|invalid|unrouteable|unroutable) ({_WHOSE}|local)|not local|mailbox name"
    rf"|\b({_WHOSE})\b.{{0,60}}\b(unknown|not found|invalid|disabled|does not exist|doesn't exist)\b",
    re.IGNORECASE,
)
_ABOUT_US = re.compile(r"\b(sender|relay\w*|client|host|blocked|listed|spam)\b", re.IGNORECASE)


def address_normalized(address: str) -> str:
    """Return the form in which addresses are compared."""
    return address.strip().lower()


def suppression_add(*, address: str, reason: SuppressionReason, note: str = "") -> bool:
    """Suppress ``address``. Returns whether that is new.

    Idempotent, also when called at once. Whoever unsubscribed stays so when a server refuses the address later, and a
    refused address becomes one that unsubscribed.
    """
    address = address_normalized(address)
    suppression, created = Suppression.objects.get_or_create(address=address, defaults={"reason": reason, "note": note})
    if not created and reason == SuppressionReason.UNSUBSCRIBED:
        others = Suppression.objects.filter(pk=suppression.pk).exclude(reason=reason)
        created = others.update(reason=reason, note=note) == 1
    if created:
        logger.info("address_suppressed", suppression_id=suppression.pk, reason=str(reason))
    return created


def suppression_remove(*, address: str, reason: SuppressionReason | None = None) -> bool:
    """Let ``address`` get e-mail written to many again; with a ``reason``, only if that is why it did not.

    Returns whether it was suppressed.
    """
    suppressions = Suppression.objects.filter(address=address_normalized(address))
    if reason is not None:
        suppressions = suppressions.filter(reason=reason)
    removed, _ = suppressions.delete()
    return removed > 0


def is_suppressed(*, address: str, reason: SuppressionReason | None = None) -> bool:
    """Return whether ``address`` is suppressed, for any reason or for this one."""
    suppressions = Suppression.objects.filter(address=address_normalized(address))
    return (suppressions if reason is None else suppressions.filter(reason=reason)).exists()


def suppressed_among(*, addresses: Iterable[str]) -> set[str]:
    """Return those of ``addresses`` that are suppressed, as they were given. One query: give some hundreds at once."""
    given = {address: address_normalized(address) for address in addresses}
    listed = Suppression.objects.filter(address__in=set(given.values())).values_list("address", flat=True)
    suppressed = set(listed)
    return {address for address, normalized in given.items() if normalized in suppressed}


def are_all_suppressed(*, addresses: Sequence[str]) -> bool:
    """Return whether nobody is left of ``addresses``, which may stand beside a name. One query."""
    bare = [parseaddr(address)[1] for address in addresses]
    return bool(bare) and len(suppressed_among(addresses=bare)) == len(set(bare))


@persistent
def suppress_refused(*, refused: Mapping[str, str]) -> None:
    """Suppress those of the ``refused`` addresses whose mail server said, for good, that nobody is there.

    ``refused`` holds the server's reply by address. May be called twice for the same.
    """
    for address, reply in refused.items():
        if _is_nobody_there(reply):
            suppression_add(address=address, reason=SuppressionReason.BOUNCED, note=reply)


def _is_nobody_there(reply: str) -> bool:
    if not reply.startswith(_HARD_BOUNCES):
        return False
    extended = _EXTENDED.search(reply)
    if extended is not None and extended[0] != _TELLS_NOTHING:
        return _ABOUT_THE_ADDRESS.fullmatch(extended[0]) is not None
    return _NOBODY.search(reply) is not None and _ABOUT_US.search(reply) is None
