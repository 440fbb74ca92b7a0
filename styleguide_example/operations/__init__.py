"""How the product is: the dashboard of the admin, figures for Prometheus, health for machines, ``manage.py doctor``.

Only reads what the floors below have written, and says it to people and to machines. (The doctor sends a job to see
whether workers take it, and deletes it.) Never here: anything on which the product depends, and any row of its own.
Come in through the admin's first page, ``/metrics``, ``/health/`` and the command.
"""
