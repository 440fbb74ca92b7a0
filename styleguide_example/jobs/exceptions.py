"""What can go wrong with a job."""

import uuid
from collections.abc import Mapping, Sequence

from celery.exceptions import Ignore

from styleguide_example.core.exceptions import ConflictError
from styleguide_example.jobs.enums import ErrorCode


class JobKindUnknownError(ConflictError):
    """No kind of that name was declared."""


class QueueUnknownError(ConflictError):
    """No worker takes from a queue of that name."""


class JobNotAllowedError(ConflictError):
    """The person may not do that with jobs of this kind."""


class JobParametersInvalidError(ConflictError):
    """The parameters do not fit the kind. ``errors`` holds messages by field."""

    def __init__(self, message: str, *, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(message)
        self.errors = errors

    def __str__(self) -> str:
        message = super().__str__()
        by_field = [f"{name}: {' '.join(texts)}" for name, texts in self.errors.items() if message not in texts]
        return " ".join([message, *by_field])


class JobAlreadyActiveError(ConflictError):
    """A job with this key waits or runs. ``job_id`` names it."""

    def __init__(self, message: str, *, job_id: uuid.UUID) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobStateConflictError(ConflictError):
    """The job is not in a state that allows this."""


class JobLeaseLostError(ConflictError, Ignore):
    """Somebody else holds the job, or it has ended: stop working on it, nothing more is recorded.

    Let it rise: to Celery it is no failure.
    """


class JobCancelledError(ConflictError, Ignore):
    """Somebody asked for the job to be cancelled. Raised by a report of progress; let it rise."""


class JobFailedError(ConflictError):
    """A body raises it to end its job in FAILURE, with a message that its owner may read.

    Any other error ends it too; its owner then reads a general sentence, and only staff the traceback.
    """

    def __init__(self, message: str, *, code: str = ErrorCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
