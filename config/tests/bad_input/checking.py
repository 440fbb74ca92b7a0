"""What every line of the table is held to."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import TestCase

from styleguide_example.common.models import RateLimit

#: Attempts are counted whatever was sent, a session belongs to whoever comes, and the others are Django's own words.
_PASSED_OVER = (RateLimit, Session, ContentType, Permission)
_TABLES = [model._meta.db_table for model in apps.get_models(include_auto_created=True) if model not in _PASSED_OVER]


def case(sentence: str, *values: object) -> Any:
    """One line: what somebody got wrong, as a sentence, and what the test of its door takes."""
    return pytest.param(*values, id=sentence)


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Every row is the same after this block as before, and nothing waits for the commit: no wake-up, no e-mail."""
    before = _rows()
    with TestCase.captureOnCommitCallbacks() as promised:
        yield
    after = _rows()
    assert {name for name in before if before[name] != after[name]} == set()
    assert promised == []


def says(text: str, *fragments: str) -> None:
    """``text`` holds each fragment, however its lines are broken."""
    words = " ".join(text.split())
    for fragment in fragments:
        assert fragment in words, f"{fragment!r} is not in: {words[:600]}"


def page_of(response: Any) -> str:
    """What a person reads, in which entities are characters."""
    return " ".join(unescape(response.content.decode()).split())


def form_of(response: Any) -> Any:
    """The form that the page shows again."""
    context = response.context
    assert context is not None, f"No page came back, but {response.status_code}."
    return context["adminform"].form if "adminform" in context else context["form"]


def refused(response: Any, field: str, *fragments: str) -> None:
    """The form is shown again; ``field`` alone is wrong, and the page says what to do about it."""
    assert response.status_code == 200, response.headers
    errors = form_of(response).errors
    assert set(errors) == {field}
    said = " ".join(str(message) for message in errors[field])
    says(said, *fragments)
    for message in errors[field]:
        assert " ".join(str(message).split()) in page_of(response)


def _rows() -> dict[str, list[Any]]:
    # Plain SQL: forty tables are read twice for each line.
    with connection.cursor() as cursor:
        return {table: _table(cursor, table) for table in _TABLES}


def _table(cursor: CursorWrapper, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  a table of ours
    return sorted(cursor.fetchall(), key=repr)
