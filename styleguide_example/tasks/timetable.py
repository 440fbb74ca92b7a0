"""When things run by themselves. Everything is in this one place; ``manage.py setup_periodic_tasks`` applies it."""

from datetime import timedelta

from styleguide_example.api.tasks import api_cleanup as api_cleanup_task
from styleguide_example.emails.tasks import email_cleanup as email_cleanup_task
from styleguide_example.emails.tasks import email_sweep as email_sweep_task
from styleguide_example.jobs.tasks import job_cleanup as job_cleanup_task
from styleguide_example.jobs.tasks import job_sweep as job_sweep_task
from styleguide_example.notifications.tasks import notification_cleanup as notification_cleanup_task
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.tasks import schedule_run_cleanup as schedule_run_cleanup_task
from styleguide_example.tasks.timing import Cron, Every
from styleguide_example.users.tasks import session_cleanup as session_cleanup_task

TIMETABLE = [
    Entry(
        name="Wake workers for e-mails that were left behind",
        task=email_sweep_task,
        # Cron cannot say it: a lost message should cost seconds, not minutes.
        when=Every(timedelta(seconds=10)),
        in_words="Every 10 seconds",
        # The next one does what a missed one would have done, so none waits longer. And none is skipped because the one
        # before still goes (`overlap`): it may have died with its worker, and would keep the others from mending that.
        expires_seconds=10,
    ),
    Entry(
        name="Delete e-mails that ended long ago",
        task=email_cleanup_task,
        # https://crontab.guru/#30_3_*_*_*
        when=Cron("30 3 * * *"),
        in_words="At 03:30 UTC every day",
    ),
    Entry(
        name="Wake workers for jobs that were left behind",
        task=job_sweep_task,
        # Cron cannot say it: a killed worker should cost its job seconds, not minutes.
        when=Every(timedelta(seconds=10)),
        in_words="Every 10 seconds",
        expires_seconds=10,
    ),
    Entry(
        name="Delete jobs that ended long ago",
        task=job_cleanup_task,
        # https://crontab.guru/#40_3_*_*_*
        when=Cron("40 3 * * *"),
        in_words="At 03:40 UTC every day",
    ),
    Entry(
        name="Delete old notifications",
        task=notification_cleanup_task,
        # https://crontab.guru/#45_3_*_*_*
        when=Cron("45 3 * * *"),
        in_words="At 03:45 UTC every day",
    ),
    Entry(
        name="Delete old answers and tokens of the API",
        task=api_cleanup_task,
        # https://crontab.guru/#25_*_*_*_*
        when=Cron("25 * * * *"),
        in_words="At minute 25 of every hour",
    ),
    Entry(
        name="Delete expired sessions and old rate-limit windows",
        task=session_cleanup_task,
        # https://crontab.guru/#15_*_*_*_*
        when=Cron("15 * * * *"),
        in_words="At minute 15 of every hour",
    ),
    Entry(
        name="Delete the history of schedules",
        task=schedule_run_cleanup_task,
        # https://crontab.guru/#50_3_*_*_*
        when=Cron("50 3 * * *"),
        in_words="At 03:50 UTC every day",
    ),
]
