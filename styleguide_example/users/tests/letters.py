"""Reads what was written to people."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.db import OperationalError, connection

from styleguide_example.emails.models import Email


def letters_to(address: str) -> list[Email]:
    """Return the e-mails to ``address``, oldest first."""
    return [email for email in Email.objects.order_by("pk") if email.to == [address]]


def link_in(email: Email) -> str:
    """Return the path of the signed link in ``email``, as somebody would follow it."""
    found = re.search(r"\S+/confirm/\S+", email.plain_text)
    assert found, email.plain_text
    return urlsplit(found.group()).path


@contextmanager
def letters_refused() -> Iterator[None]:
    """Stand at the edge of the database and fail each time that an e-mail is to be written."""

    def refuse(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("INSERT") and "emails_email" in sql:
            raise OperationalError("disk full")
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        yield
