"""What mail servers allow, as the environment says it."""

import re
from collections.abc import Collection
from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured

#: Messages per second, connections. None: as many as one likes.
Limits = dict[str, tuple[float | None, int | None]]

_SECONDS = {"s": 1, "min": 60, "h": 3600}
_PART = re.compile(r"(?P<messages>\d+(\.\d+)?) ?/ ?(?P<unit>s|min|h)|(?P<number>\d+) ?connections?", re.IGNORECASE)
_MOST_CONNECTIONS = 10_000
_EXAMPLE = "Write it like: default=50/s, 20 connections; default/gmail.com=5/s, 3 connections; default/*=20/s"


def email_limits(text: str, *, servers: Collection[str]) -> Limits:
    """Return what ``text`` says, by the alias of a server, or the alias, "/" and a domain or "*".

    Domains are in lower case and in the ASCII form that SMTP speaks.

    Raises:
        ImproperlyConfigured: with the entry that cannot be understood, or names none of ``servers``.
    """
    limits: Limits = {}
    for entry in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        name, equals, values = map(str.strip, entry.partition("="))
        server, slash, domain = map(str.strip, name.partition("/"))
        if not equals:
            raise _error(entry, "it has no '='")
        if server not in servers:
            raise _error(entry, f"{server!r} is no server: name one of {', '.join(servers)}")
        key = f"{server}/{_domain(entry, domain)}" if slash else server
        if key in limits:
            raise _error(entry, f"{key} has its limit already")
        limits[key] = _limit(entry, values)
    return limits


def _domain(entry: str, domain: str) -> str:
    try:
        # An e-mail's domain is in this form too, by the same codec: Django's `sanitize_address`.
        ascii_domain = domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    if not re.fullmatch(r"\*|[a-z0-9-]+(\.[a-z0-9-]+)*", ascii_domain):
        raise _error(entry, f"{domain!r} is neither a domain nor '*'")
    return ascii_domain


def _limit(entry: str, values: str) -> tuple[float | None, int | None]:
    per_second: float | None = None
    connections: int | None = None
    for part in map(str.strip, values.split(",")):
        match = _PART.fullmatch(part)
        if match is None:
            raise _error(entry, f"{part!r} is neither like '50/s' (or /min, /h) nor like '20 connections'")
        if (per_second if match["unit"] else connections) is not None:
            raise _error(entry, "it says the same thing twice")
        amount = Decimal(match["messages"] or match["number"])
        if not amount:
            raise _error(entry, "with 0 nothing would ever be sent")
        if match["unit"]:
            per_second = float(amount) / _SECONDS[match["unit"].lower()]
        else:
            connections = min(int(amount), _MOST_CONNECTIONS)
    return per_second, connections


def _error(entry: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"EMAIL_LIMITS: {entry!r} cannot be understood: {why}. {_EXAMPLE}.")
