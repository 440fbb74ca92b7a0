"""``manage.py api_token_create``: a token for a client."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from styleguide_example.api.tokens import token_create
from styleguide_example.common.commands import AnsweringCommand
from styleguide_example.core.exceptions import ConflictError


class Command(AnsweringCommand):
    """Prints the secret alone on stdout, so that ``TOKEN=$(manage.py api_token_create ...)`` is all it takes."""

    help = "Give a client the right to act as a person. Prints the token once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare whose, what for, how long."""
        parser.add_argument("email", help="The address of the person that the client acts as.")
        parser.add_argument("--name", required=True, help='What it is for, as in "nightly export".')
        parser.add_argument("--days", type=int, default=90, help="How long it works (default: 90).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        people = get_user_model()
        try:
            user = people.objects.get_by_natural_key(options["email"])
            created = token_create(user=user, name=options["name"], days=options["days"])
        except people.DoesNotExist:
            raise CommandError(f"Nobody has the address {options['email']}.") from None
        except (ConflictError, ValidationError) as error:
            raise CommandError(str(error)) from error
        if not user.is_email_confirmed or not user.is_active:
            self.stderr.write("It will not work before the person's address is confirmed and the account is active.")
        self.stderr.write(f"{created.token}, until {created.token.expires_at:%Y-%m-%d %H:%M} UTC:")
        self.stdout.write(created.secret)
