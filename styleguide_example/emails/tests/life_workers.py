"""What a worker does in the model of e-mails: the product's own functions, as the tasks call them."""

from contextlib import suppress

from styleguide_example.common.tests.processes import wait_until
from styleguide_example.emails import connections, delivery, selectors, senders
from styleguide_example.emails.exceptions import (
    DeliveryError,
    EmailAttemptFailedError,
    EmailGivenUpError,
    EmailNotClaimedError,
)


def send(email_id: int, owner: str, *, is_warm: bool) -> None:
    """What the task does that is woken for it, with its ``on_failure``."""
    with suppress(DeliveryError):
        if is_warm:
            connections.connection_ensure()
    try:
        delivery.email_send_by_id(email_id=email_id, owner=owner)
    except EmailGivenUpError:
        if email := selectors.email_get(email_id=email_id):
            delivery.email_failed(email=email)
    except (EmailAttemptFailedError, EmailNotClaimedError):
        pass


def conversations_end() -> None:
    """The threads of a burst do what they were told, while the one that writes stands still."""
    team = senders.team()
    wait_until(lambda: team._reports.qsize() >= len(team.busy), every=0.001)
