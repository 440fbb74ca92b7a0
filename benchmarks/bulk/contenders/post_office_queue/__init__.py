"""django-post_office: rows, sent by a command in batches.

https://pypi.org/project/django-post-office/
"""
