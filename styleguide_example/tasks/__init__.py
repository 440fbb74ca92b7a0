"""The engine room: the Celery app, the timetable, and the sync of schedules with the database.

Never here: the work of a domain. A task lives in the app whose service it calls; here is only when it runs.
Come in through ``manage.py setup_periodic_tasks`` and ``timetable``.
"""
