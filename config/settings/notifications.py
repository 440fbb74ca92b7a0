"""Notifications: how failures are grouped, and how long they are kept."""

from config.env import env

#: Failures of one group within this time of the first one are one notification and at most one e-mail.
NOTIFICATION_GROUP_SECONDS = env.int("NOTIFICATION_GROUP_SECONDS", default=3600)
#: Deleted so long after they were read; and at this age, read or not.
NOTIFICATION_KEEP_READ_DAYS = env.int("NOTIFICATION_KEEP_READ_DAYS", default=30)
NOTIFICATION_KEEP_DAYS = env.int("NOTIFICATION_KEEP_DAYS", default=180)
