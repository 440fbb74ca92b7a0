"""A Celery task for each e-mail and no row: what is lost is lost."""

from benchmarks.bulk.contenders.celery_alone.celery import app

__all__ = ["app"]
