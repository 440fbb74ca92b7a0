"""Announcements: how many e-mails are written at once, and how long one may be written."""

from config.env import env

#: E-mails that one transaction writes. A cancel is honoured, and progress is seen, between two of them.
ANNOUNCEMENT_BATCH_SIZE = env.int("ANNOUNCEMENT_BATCH_SIZE", default=500, at_least=1)
#: How long one attempt at writing an announcement's e-mails may take; the next one goes on where it stopped.
ANNOUNCEMENT_TIMEOUT_SECONDS = env.int("ANNOUNCEMENT_TIMEOUT_SECONDS", default=60 * 60 * 4, at_least=1)
