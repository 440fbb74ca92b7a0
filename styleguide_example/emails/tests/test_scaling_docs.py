import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from styleguide_example.common.tests.processes import ROOT
from styleguide_example.emails.models import Email, EmailAttempt
from styleguide_example.emails.services import Attachment
from styleguide_example.emails.tests.factories import EmailFactory, email_ended

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.no_services,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: make test runs it there too"),
]

LONG_AGO = timedelta(days=8)


def _statements() -> list[str]:
    """Those of docs/scaling.md, with partitions for what ended a week ago instead of those of the example."""
    page = (ROOT / "docs" / "scaling.md").read_text()
    sql = "".join(re.findall(r"^```sql\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    first = (timezone.now() - LONG_AGO).replace(day=1)
    sql = sql.replace("2026-11-01", f"{first:%Y-%m-01}").replace("2026-12-01", f"{first + timedelta(days=31):%Y-%m-01}")
    return [statement for statement in sql.split(";\n") if statement.strip() and not statement.startswith("ALTER ROLE")]


class TestScalingDocs:
    def test_hold_sql_that_archives_what_ended_and_leaves_the_rest(self) -> None:
        old = email_ended("sent", attachments=[Attachment("a.txt", b"a")])
        EmailAttempt.objects.create(email=old, number=1, kind="transient", error="later", ended_at=timezone.now())
        recent, failed, resent = email_ended("sent"), email_ended("failed"), email_ended("sent")
        copy = EmailFactory.create()
        Email.objects.filter(pk=copy.pk).update(resend_of=resent)
        Email.objects.filter(pk__in=[old.pk, failed.pk, resent.pk]).update(ended_at=timezone.now() - LONG_AGO)

        archived: list[int] = []
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if each statement were committed
            for statement in _statements():
                cursor.execute(statement)
                if statement.lstrip().startswith("WITH"):
                    cursor.execute("SELECT id FROM emails_email_archive")
                    archived = [pk for (pk,) in cursor.fetchall()]

        assert archived == [old.pk]
        assert set(Email.objects.values_list("pk", flat=True)) == {recent.pk, failed.pk, resent.pk, copy.pk}
