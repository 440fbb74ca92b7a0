"""The web server's door.

https://docs.djangoproject.com/en/5.2/howto/deployment/wsgi/gunicorn/
"""

import os

from django.core.wsgi import get_wsgi_application

# Whoever forgets to say which settings gets those that refuse to start without secrets, not those that are open.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.production")

application = get_wsgi_application()
