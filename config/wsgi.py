"""The web server's door.

https://docs.djangoproject.com/en/5.2/howto/deployment/wsgi/gunicorn/
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.base")

application = get_wsgi_application()
