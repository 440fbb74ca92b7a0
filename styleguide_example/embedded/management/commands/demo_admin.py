"""``manage.py demo_admin``: somebody who may open the admin on a developer's machine."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from styleguide_example.users.models import User

ADDRESS = "admin@example.com"


class Command(BaseCommand):
    """Creates an administrator where there is none."""

    help = "Creates an administrator with a random password, shown once, unless there is an administrator."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create and tell, or say nothing."""
        if not settings.DEBUG:
            raise CommandError("Only with DEBUG. Elsewhere create an administrator with manage.py createsuperuser.")
        if User.objects.filter(is_superuser=True).exists():
            return
        if User.objects.filter(email=ADDRESS).exists():
            self.stdout.write(f"{ADDRESS} is no administrator. Create one with manage.py createsuperuser.")
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(ADDRESS, password, full_name="Demo Admin")
        self.stdout.write(f"Administrator created: {settings.APP_BASE_URL}/admin/")
        self.stdout.write(f"  {ADDRESS}, password {password} (shown this once)")
