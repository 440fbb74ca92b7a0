"""The values of its README; intervals of minutes are shortened, as ours are here."""

from datetime import timedelta

from benchmarks.bulk.contenders.post_office_queue.settings import *  # noqa: F403  settings modules compose by star
from benchmarks.bulk.contenders.post_office_queue.settings import INSTALLED_APPS as ITS_APPS
from benchmarks.bulk.contenders.post_office_queue.settings import POST_OFFICE as ITS_DEFAULTS
from faults.contenders.peers import *  # noqa: F403  the same
from faults.contenders.peers import FAULTS_APP

INSTALLED_APPS = [*ITS_APPS, FAULTS_APP]
FAULTS_ASKING = "faults.contenders.post_office.asking"
POST_OFFICE = {
    **ITS_DEFAULTS,
    "CELERY_ENABLED": True,
    "MESSAGE_ID_ENABLED": True,
    "MAX_RETRIES": 4,
    "RETRY_INTERVAL": timedelta(seconds=15),  # 15 minutes in the README
    "BATCH_DELIVERY_TIMEOUT": 12,  # 180 seconds
}
# "In case of a temporary delivery failure, we might want retrying to send those emails by a periodic task."
CELERY_BEAT_SCHEDULE = {
    "send-queued-mail": {"task": "post_office.tasks.send_queued_mail", "schedule": 10.0},  # 600.0
}
CELERY_TIMEZONE = "UTC"
