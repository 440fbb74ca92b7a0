"""What the following release asks for as soon as the first of its processes runs."""

from datetime import timedelta

from faults.product.following.tasks import new_tick as new_tick_task
from styleguide_example.jobs.dispatch import Options
from styleguide_example.jobs.services import job_start
from styleguide_example.tasks.entries import Entry
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.timetable import TIMETABLE
from styleguide_example.tasks.timing import Every


def new_jobs_start(*, label: str, count: int) -> list[str]:
    """Start jobs of a kind that the former release does not know. Returns their ids."""
    now = Options(jitter_seconds=0)
    jobs = [job_start(kind="fault-new", parameters={"scenario": label}, options=now) for _ in range(count)]
    return [str(job.pk) for job in jobs]


def timetable_apply(*, name: str, scenario: str) -> None:
    """Do what ``setup_periodic_tasks`` does, with an entry more, whose task the former release does not know."""
    entry = Entry(
        name=name,
        task=new_tick_task,
        when=Every(timedelta(seconds=1)),
        in_words="Every second",
        kwargs={"scenario": scenario},
    )
    periodic_tasks_sync(entries=[*TIMETABLE, entry])
