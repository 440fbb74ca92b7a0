"""What can go wrong with an e-mail."""

from datetime import datetime

from styleguide_example.core.exceptions import ConflictError, TransientError
from styleguide_example.emails.enums import FailureKind, Phase


class EmailStatusConflictError(ConflictError):
    """The e-mail is not in a status that allows this."""


class EmailNotClaimedError(ConflictError):
    """Somebody else holds the e-mail, it is not due, or it has ended: there is nothing to send."""


class EmailInvalidError(ConflictError):
    """The e-mail cannot be written like this: an address, a header or an attachment is not allowed."""


class EmailAttemptFailedError(TransientError):
    """An attempt failed and the row holds the time of the next one."""

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class EmailGivenUpError(ConflictError):
    """The last attempt failed, or the failure is permanent: the e-mail has to become FAILED."""


class DeliveryError(Exception):
    """The server did not take the message. Translated at the edge, by the code that knows how far it came.

    ``code`` and ``reply`` are the server's, 0 and empty where it said nothing. ``refused`` holds the recipients that
    were refused by name, and ``is_about_recipients`` tells that nothing else was. ``connection_lost`` tells that the
    next attempt needs a new connection. ``took_ms`` is how long the conversation, or the way to it, had taken.
    """

    took_ms: int | None = None

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        phase: Phase,
        code: int = 0,
        reply: str = "",
        refused: dict[str, str] | None = None,
        is_about_recipients: bool = False,
        connection_lost: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.phase = phase
        self.code = code
        self.reply = reply
        self.refused = refused or {}
        self.is_about_recipients = is_about_recipients
        self.connection_lost = connection_lost
