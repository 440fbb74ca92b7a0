"""Schedules: how long the history of their runs is kept."""

from config.env import env

#: Runs that went well, and those that did not. The last 20 of each schedule stay, however old.
SCHEDULE_RUNS_KEEP_DAYS = env.int("SCHEDULE_RUNS_KEEP_DAYS", default=7)
SCHEDULE_RUNS_KEEP_FAILED_DAYS = env.int("SCHEDULE_RUNS_KEEP_FAILED_DAYS", default=60)
