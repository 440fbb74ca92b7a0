"""What can go wrong, by what the caller may do about it."""


class ApplicationError(Exception):
    """The root of our errors. Never raised itself: raise one of its two branches."""


class ConflictError(ApplicationError):
    """Refused because of the state of things. Doing the same again cannot help."""


class TransientError(ApplicationError):
    """Failed for now. Doing the same again later can help: this is what a task lists in ``autoretry_for``."""
