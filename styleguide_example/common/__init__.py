"""Django kit that knows no domain: a base model, ``model_update``, leases, wake-up tasks, rate limits.

Never here: e-mail, users, jobs, or a page. A thing moves here when a second app needs it.
Come in through the module you need.
"""
