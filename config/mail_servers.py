"""Mail servers, as the environment names them.

An error says which variable and which server, and never shows a URL: there is a password in it.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import env

#: The server of ``EMAIL_URL``. It has no entry of its own in ``EMAIL_SERVERS``.
DEFAULT = "default"

# The same, but it says how far the conversation came when it failed.
_BACKENDS = {"django.core.mail.backends.smtp.EmailBackend": "styleguide_example.emails.backends.SMTPBackend"}
_ALIAS = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")  # as long as the column of the e-mail
_URL = "smtp+tls://user:password@host:587, where reserved characters of user and password are escaped ('@' as %40)"


def server(url: str, *, of: str) -> dict[str, Any]:
    """Return the backend that ``url`` names, and what Django's ``get_connection`` needs to know of the server.

    Without a port it is 587 for smtp+tls, 465 for smtp+ssl, 25 for smtp.

    Args:
        of: whose URL it is, for the error.

    Raises:
        ImproperlyConfigured: it names no server, or says more than a server is asked for.
    """
    try:
        parts = urlsplit(url)
        # https://django-environ.readthedocs.io/en/latest/types.html#environ-env-email-url
        parsed = env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(f"{of} cannot be read. Write {_URL}.") from None
    if parsed["EMAIL_BACKEND"] not in _BACKENDS:
        return {"BACKEND": parsed["EMAIL_BACKEND"]}
    # An unescaped "/", "?" or "#" in a password ends the host too early, and would be found out by nobody.
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{of} is not just a mail server. Write {_URL}.")
    use_tls, use_ssl = parsed.get("EMAIL_USE_TLS", False), parsed.get("EMAIL_USE_SSL", False)
    return {
        "BACKEND": _BACKENDS[parsed["EMAIL_BACKEND"]],
        "host": parsed["EMAIL_HOST"],
        "port": parsed["EMAIL_PORT"] or (587 if use_tls else 465 if use_ssl else 25),
        "username": parsed["EMAIL_HOST_USER"] or "",
        "password": parsed["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": use_tls,
        "use_ssl": use_ssl,
    }


def servers(urls: str, *, fallbacks: str) -> dict[str, dict[str, Any]]:
    """Return all servers by alias, each with its ``fallback``: another alias, or nothing.

    Of the default one nothing else is here: the settings ``EMAIL_*`` say it.

    Args:
        urls: ``marketing=smtp+tls://…,backup=smtp://…``
        fallbacks: ``default=backup,marketing=default``

    Raises:
        ImproperlyConfigured: with what is wrong, and where.
    """
    named: dict[str, dict[str, Any]] = {DEFAULT: {}}
    for alias, url in _pairs("EMAIL_SERVERS", urls).items():
        if alias == DEFAULT:
            raise ImproperlyConfigured(f"EMAIL_SERVERS names {DEFAULT!r}, which is the server of EMAIL_URL.")
        named[alias] = server(url, of=f"EMAIL_SERVERS: the URL of {alias!r}")
        if "host" not in named[alias]:
            raise ImproperlyConfigured(f"EMAIL_SERVERS: {alias!r} is not a mail server. Write {_URL}.")
    chosen = _pairs("EMAIL_FALLBACKS", fallbacks)
    for alias in [*chosen, *chosen.values()]:
        if alias not in named:
            raise ImproperlyConfigured(
                f"EMAIL_FALLBACKS names {alias[:50]!r}, which is no server: name one of {', '.join(named)}."
            )
    return {alias: {**values, "fallback": chosen.get(alias, "")} for alias, values in named.items()}


def _pairs(variable: str, text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        alias, equals, value = map(str.strip, part.partition("="))
        if not equals or not _ALIAS.fullmatch(alias):
            raise ImproperlyConfigured(
                f"{variable}: part {number} must read alias=value, the alias of a-z, 0-9, '-' and '_'. "
                "A comma within a password is written %2C."
            )
        if alias in pairs:
            raise ImproperlyConfigured(f"{variable} names {alias!r} twice.")
        pairs[alias] = value
    return pairs
