"""Work that somebody starts, follows and cancels: a row whose key is the id of the Celery task that does it.

- what there is to start: ``kinds`` (apps declare theirs in ``job_kinds.py``); how: ``dispatch``
- the life of a row: ``starts``, ``claims``, ``heartbeat``, ``progress``, ``ending``, ``sweeping``, ``cleanup``
- many rows: ``batches``, ``chains``, ``pauses``; all of them at a glance: ``board``, ``gantt``

Never here: what a job does. Come in through ``services``; ask through ``selectors``.
"""
