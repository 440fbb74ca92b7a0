"""django-post_office with Celery, as its README has it under "Integration with Celery".

https://github.com/ui/django-post_office#integration-with-celery
"""

from faults.contenders.post_office.celery import app

__all__ = ["app"]
