"""No address in the logs, whatever goes wrong."""

from io import StringIO
from typing import Any

import pytest
from pytest_django import Settings

from styleguide_example.emails import connections
from styleguide_example.emails.models import Email
from styleguide_example.emails.tasks import email_send
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db(transaction=True)


class TestLogs:
    def test_hold_no_address_whatever_goes_wrong(
        self, smtp: SMTPServer, settings: Settings, log_lines: StringIO
    ) -> None:
        settings.EMAIL_SENDING_BACKOFF_SECONDS = 0
        smtp.fail("rcpt", "550 <ada@example.org> is nobody", "451 <ada@example.org> is busy")
        for subject in ("a", "b"):
            email = email_asked_for(to=["Ada <ada@example.org>"], subject=subject)
            email_send.apply(kwargs={"email_id": email.pk})
        broken = email_asked_for(to=["ada@example.org"])
        Email.objects.filter(pk=broken.pk).update(to=["Ada <ada@example.org> and more"])
        email_send.apply(kwargs={"email_id": broken.pk})
        connections.connection_close()
        settings.EMAIL_BACKEND = f"{__name__}.Talkative"
        email_send.apply(kwargs={"email_id": email_asked_for(to=["ada@example.org"]).pk})

        written = log_lines.getvalue()
        for event in ("email_attempt_failed", "email_sent", "email_send_bug", "Traceback"):
            assert event in written
        assert "example.org" not in written


class Talkative:
    """A mail backend that fails with all that it knows."""

    def __init__(self, **_: Any) -> None:
        raise KeyError("ada@example.org")
