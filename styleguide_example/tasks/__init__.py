"""The engine room: the Celery app, the timetable, its deploys, beat, the history of runs, and the admin of all that.

- what shall run: ``timetable``, ``entries``, ``timing``; a deploy: ``sync``, ``plans``, ``merge``, ``schedules``
- beat: ``scheduler``, ``agenda``, ``snapshot``, ``leadership``, ``clock``, ``runs``; a worker's side: ``claims``
- pages: ``admin``, ``actions``, ``history``, ``views``, ``forms``, ``columns``, ``lanes``, ``previews``, ``words``

Never here: the work of a domain. A task lives in the app whose service it calls; here is only when it runs.
Come in through ``services``, ``timetable`` and ``manage.py setup_periodic_tasks``.
"""
