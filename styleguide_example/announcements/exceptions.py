"""What can go wrong with an announcement."""

from styleguide_example.core.exceptions import ConflictError


class AnnouncementStatusConflictError(ConflictError):
    """The announcement is not in a status that allows this."""


class AnnouncementAudienceError(ConflictError):
    """There is nobody to write to, or no such rule."""


class UnsubscribeLinkError(ConflictError):
    """The link is forged or garbled, or belongs to an address that is not known any more."""
