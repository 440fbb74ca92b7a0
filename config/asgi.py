"""For servers that speak ASGI.

https://docs.djangoproject.com/en/5.2/howto/deployment/asgi/
"""

import os

from django.core.asgi import get_asgi_application

# Whoever forgets to say which settings gets those that refuse to start without secrets, not those that are open.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.production")

application = get_asgi_application()
