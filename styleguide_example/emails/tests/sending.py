"""The two ways on which an e-mail goes out: alone, and in a burst. What becomes of it has to be the same on both."""

from collections.abc import Callable

from styleguide_example.emails import bursts, connections, delivery, senders
from styleguide_example.emails.claims import SUSPECT
from styleguide_example.emails.exceptions import EmailAttemptFailedError, EmailGivenUpError, EmailNotClaimedError
from styleguide_example.emails.models import Email

Send = Callable[[Email], Email]


def send_alone(email: Email) -> Email:
    """What the task does that is woken for this e-mail, with its ``on_failure``. Returns the row as it is then."""
    try:
        delivery.email_send(email=email, owner="the-task")
    except EmailGivenUpError:
        delivery.email_failed(email=email)
    except (EmailAttemptFailedError, EmailNotClaimedError):
        pass  # the row says what became of it
    return _as_it_is(email)


def send_in_a_burst(email: Email) -> Email:
    """What the task does that sends whatever is due. What has to be sent alone it leaves, so that is done here."""
    is_suspect = Email.objects.filter(SUSPECT, pk=email.pk).exists()
    before = Email.objects.filter(pk=email.pk).values().first()
    bursts.emails_send_due(owner="the-task")
    if is_suspect:
        assert Email.objects.filter(pk=email.pk).values().first() == before
        return send_alone(email)
    return _as_it_is(email)


def in_a_thread(send: Send) -> Send:
    """The same for a thread that ends afterwards: it says goodbye to its mail servers."""

    def sending(email: Email) -> Email:
        try:
            return send(email)
        finally:
            farewell()

    return sending


def burst() -> int:
    """One burst in a thread that ends afterwards. Returns how many it sent."""
    try:
        return bursts.emails_send_due(owner="burst")
    finally:
        farewell()


def farewell() -> None:
    """Say goodbye to the mail servers, on both ways: the next e-mail needs a new connection."""
    senders.team_farewell()
    connections.connection_close()


def _as_it_is(email: Email) -> Email:
    return Email.objects.filter(pk=email.pk).first() or email
