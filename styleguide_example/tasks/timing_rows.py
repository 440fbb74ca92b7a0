"""A timing in the database: read it from any row, tell it in a text, find or create the row that holds it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.db.models.query import ModelIterable
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from styleguide_example.tasks.timing import EPOCH, Cron, Every, Once, When

#: Columns by which a ``PeriodicTask`` holds its timing.
TIMING = ("crontab_id", "interval_id", "clocked_id", "solar_id", "one_off")


def when_read(row: PeriodicTask) -> When:
    """Return the timing of a row, whoever wrote it. Reads its schedule's row: get it :func:`with_timings`.

    Raises:
        ValueError: when there is none, or one that this project's beat does not fire (solar, less than a second).
    """
    if row.crontab is not None:
        return cron_read([getattr(row.crontab, name) for name in Cron.NAMES], str(row.crontab.timezone))
    if row.interval is not None:
        try:
            interval = timedelta(**{row.interval.period: row.interval.every})
        except (OverflowError, TypeError):  # a period that is none
            raise ValueError(f"{row.interval.every} {row.interval.period} is no interval that can be read.") from None
        return Every(interval, anchor=row.start_time or EPOCH)
    if row.clocked is not None:
        return Once(row.clocked.clocked_time)
    if row.solar is not None:
        raise ValueError("This project does not fire solar schedules; choose a crontab line, an interval or a moment.")
    raise ValueError("It has no schedule; choose a crontab line, an interval or a moment.")


def cron_read(parts: Sequence[str], time_zone: str) -> Cron:
    """Return the crontab line of a row's parts, which may have blanks in them.

    Raises:
        ValueError: when one of them is none, or nobody knows the time zone.
    """
    return Cron(" ".join(part.replace(" ", "") for part in parts), time_zone)


class _Timed(ModelIterable[PeriodicTask]):
    """Gives crontabs their zone as text: one that is none any more must not keep the others from being read."""

    def __iter__(self) -> Iterator[PeriodicTask]:
        for row in super().__iter__():
            if row.crontab is not None:
                row.crontab.__dict__["timezone"] = row.crontab_zone  # past the field, which would refuse it
            yield row


def with_timings(rows: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Return ``rows`` with all that :func:`when_read` reads, in one query, whatever stands in them."""
    rows = rows.select_related("interval", "crontab", "clocked", "solar").defer("crontab__timezone")
    timed: Any = rows.annotate(crontab_zone=Cast("crontab__timezone", CharField()))
    timed._iterable_class = _Timed
    return timed  # type: ignore[no-any-return]


def timings_save(whens: Iterable[When]) -> dict[str, dict[str, Any]]:
    """Return the columns of :data:`TIMING` for each timing, by its text. Creates the schedules' rows that are missing.

    Schedules with the same meaning are one row, shared, as django-celery-beat advises.
    https://django-celery-beat.readthedocs.io/en/latest/#example-creating-interval-based-periodic-task
    """
    by_text = {str(when): when for when in whens}
    crons = {text: when for text, when in by_text.items() if isinstance(when, Cron)}
    everies = {text: when for text, when in by_text.items() if isinstance(when, Every)}
    onces = {text: when for text, when in by_text.items() if isinstance(when, Once)}
    nothing = {**dict.fromkeys(TIMING), "one_off": False}
    return {
        **{text: {**nothing, "crontab_id": pk} for text, pk in _crontabs(crons).items()},
        **{text: {**nothing, "interval_id": pk} for text, pk in _intervals(everies).items()},
        **{text: {**nothing, "clocked_id": pk, "one_off": True} for text, pk in _clockeds(onces).items()},
    }


def _crontabs(wanted: Mapping[str, Cron]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = CrontabSchedule.objects.order_by("-pk").values("pk", *Cron.NAMES, zone=Cast("timezone", CharField()))
    return _saved(
        {cron_text(row, "", row["zone"]): row["pk"] for row in rows},
        {text: CrontabSchedule(**cron.fields, timezone=cron.time_zone) for text, cron in wanted.items()},
    )


def _intervals(wanted: Mapping[str, Every]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = IntervalSchedule.objects.filter(period=IntervalSchedule.SECONDS).order_by("-pk").values("pk", "every")
    return _saved(
        {interval_text(row["every"], IntervalSchedule.SECONDS): row["pk"] for row in rows},
        {
            text: IntervalSchedule(every=every.seconds, period=IntervalSchedule.SECONDS)
            for text, every in wanted.items()
        },
    )


def _clockeds(wanted: Mapping[str, Once]) -> dict[str, int]:
    if not wanted:
        return {}
    rows = ClockedSchedule.objects.order_by("-pk").values("pk", "clocked_time")
    return _saved(
        {str(Once(row["clocked_time"])): row["pk"] for row in rows},
        {text: ClockedSchedule(clocked_time=once.at.astimezone(UTC)) for text, once in wanted.items()},
    )


def _saved(existing: Mapping[str, int], wanted: Mapping[str, Any]) -> dict[str, int]:
    """Return the keys of the wanted rows by text; those that are missing are created, in one statement."""
    missing = {text: row for text, row in wanted.items() if text not in existing}
    if missing:
        model: Any = type(next(iter(missing.values())))
        # In bulk, because the signals of `save()` send beat a notice for each row; the sync sends one for all.
        model.objects.bulk_create(missing.values())
    return {text: missing[text].pk if text in missing else existing[text] for text in wanted}


def cron_text(values: Mapping[str, Any], prefix: str, zone: str) -> str:
    """Return the text of a crontab's columns, whatever stands in them."""
    fields = [values[prefix + name].replace(" ", "") for name in Cron.NAMES]
    return f"cron {' '.join(fields)} {zone}"


def interval_text(every: int, period: str) -> str:
    """Return the text of an interval's columns, whatever stands in them."""
    try:
        return str(Every(timedelta(**{period: every})))
    except (ValueError, OverflowError, TypeError):  # too short, too long, or a period that is none
        return f"every {every} {period}"
