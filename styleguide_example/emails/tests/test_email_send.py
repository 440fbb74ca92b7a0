import pytest

from styleguide_example.emails.services import email_send
from styleguide_example.emails.tests.factories import email_asked_for
from styleguide_example.emails.tests.smtp_server import SMTPServer

pytestmark = pytest.mark.django_db


class TestEmailSend:
    def test_sends_what_the_row_says(self, smtp: SMTPServer) -> None:
        email = email_asked_for(to=["Ada <ada@example.org>"], subject="Hé")
        email = email_send(email=email)
        assert email.status == email.Status.SENT
        (received,) = smtp.received
        assert received.recipients == ["ada@example.org"]
        assert received.message["Subject"] == "Hé"
        assert received.message_id == email.message_id
