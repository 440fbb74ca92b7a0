"""procrastinate: a job in PostgreSQL for each e-mail.

https://procrastinate.readthedocs.io/
"""
