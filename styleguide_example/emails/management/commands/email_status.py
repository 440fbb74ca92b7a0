"""``manage.py email_status``: the life of one e-mail, or of a batch."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from styleguide_example.common.commands import AnsweringCommand, format_argument
from styleguide_example.emails.management.email_texts import batch_json, batch_line, email_json, email_lines
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_batch_counts, email_get

_KEY_MAX = 2**63 - 1


class Command(AnsweringCommand):
    """Shows what the row says. Changes nothing."""

    help = "Show the life of an e-mail: status, recipients, attempts with what the server said, what comes next."
    epilog = """
examples:
  manage.py email_status 17
  manage.py email_status '<0f3c…@example.com>'       by its Message-ID
  manage.py email_status 17 --format json
  manage.py email_status --batch newsletter-7        how many are sent, wait, failed

exit codes: 0 found; 1 there is no such e-mail or batch; 2 wrong arguments.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare which."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", help="The number of the e-mail, or its Message-ID.")
        which.add_argument("--batch", metavar="NAME", help="Those that were written together under this name.")
        format_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, and tell."""
        is_json = options["format"] == "json"
        if options["batch"] is not None:
            counts = email_batch_counts(batch=options["batch"])
            if not counts.known:
                raise CommandError(f"There is no e-mail of a batch {options['batch']!r}: it may have been deleted.")
            said = batch_json(options["batch"], counts) if is_json else batch_line(options["batch"], counts)
        else:
            email = _find(options["id"])
            if email is None:
                raise CommandError(f"There is no e-mail {options['id']!r}: it may have been deleted.")
            said = email_json(email) if is_json else "\n".join(email_lines(email))
        self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False) if is_json else str(said))


def _find(text: str) -> Email | None:
    if text.isdecimal():
        return email_get(email_id=int(text)) if int(text) <= _KEY_MAX else None
    return Email.objects.filter(message_id=f"<{text.strip().strip('<>')}>").order_by("pk").first()
