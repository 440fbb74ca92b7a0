"""django-mailer: rows, sent one by one by a command.

https://pypi.org/project/django-mailer/
"""
