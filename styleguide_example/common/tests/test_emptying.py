from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from styleguide_example.common.tests.emptying import DELETED_MAX, emptied_quickly
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.tests.factories import EmailFactory
from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


class _Case(TransactionTestCase):
    __test__ = False

    def runTest(self) -> None:  # noqa: N802  unittest's own name
        """Nothing."""


@pytest.fixture
def empty() -> Iterator[Callable[[], None]]:
    """What happens after a test that commits; it happened once before, so that it is known what ``flush`` leaves."""

    def now() -> None:
        _Case()._fixture_teardown()  # type: ignore[attr-defined]

    with emptied_quickly():
        now()
        yield now


def _by_apps() -> set[str]:
    return {
        *Permission.objects.values_list("codename", flat=True),
        *ContentType.objects.values_list("model", flat=True),
    }


class TestEmptying:
    def test_leaves_no_row_of_those_that_were_written(self, empty: Callable[[], None]) -> None:
        EmailAttempt.objects.create(email=EmailFactory.create(), number=1, ended_at=timezone.now())
        UserFactory.create().user_permissions.add(Permission.objects.all()[0])
        empty()
        assert [model.objects.count() for model in (EmailAttempt, Email, User)] == [0, 0, 0]
        assert not Permission.objects.filter(user__isnull=False).exists()

    def test_keeps_what_every_app_writes(self, empty: Callable[[], None]) -> None:
        before = _by_apps()
        EmailFactory.create()
        empty()
        assert _by_apps() == before

    def test_brings_back_what_every_app_writes_when_a_test_deleted_it(self, empty: Callable[[], None]) -> None:
        before = _by_apps()
        Permission.objects.all().delete()
        empty()
        assert _by_apps() == before

    def test_removes_what_a_test_added_to_it(self, empty: Callable[[], None]) -> None:
        before = _by_apps()
        ContentType.objects.create(app_label="emails", model="letter")
        empty()
        assert _by_apps() == before

    def test_asks_of_a_table_that_is_empty_no_more_than_that(self, empty: Callable[[], None]) -> None:
        EmailFactory.create()
        with CaptureQueriesContext(connection) as asked:
            empty()
        deleted = [query["sql"] for query in asked if query["sql"].startswith(("DELETE", "TRUNCATE"))]
        assert deleted == ['DELETE FROM "emails_email"']

    def test_leaves_few_deleted_rows_about(self, empty: Callable[[], None]) -> None:
        User.objects.bulk_create(User(email=f"{number}@example.com") for number in range(DELETED_MAX + 1))
        with CaptureQueriesContext(connection) as asked:
            empty()
        assert not User.objects.exists()
        assert any("TRUNCATE" in query["sql"] for query in asked) == (connection.vendor == "postgresql")
