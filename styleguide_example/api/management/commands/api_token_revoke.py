"""``manage.py api_token_revoke``: the end of a client's token."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from styleguide_example.api.tokens import token_revoke, tokens_named
from styleguide_example.common.commands import AnsweringCommand


class Command(AnsweringCommand):
    """Takes the beginning that the admin shows, or the whole token that somebody found where it should not be."""

    help = "Refuse a token from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare which."""
        parser.add_argument("token", help="The beginning that is shown in the admin, or the whole token.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke all that are meant: two may begin alike, and one too many is made anew in a minute."""
        found = tokens_named(text=options["token"])
        if not found:
            raise CommandError("There is no such token. Write its beginning as the admin shows it, or the whole of it.")
        for token in found:
            said = "is revoked" if token_revoke(token=token) else "was revoked before"
            self.stdout.write(f"{token} {said}.")
