"""``manage.py email_send``: write an e-mail, or one to each of many, and have it sent."""

import hashlib
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from tqdm import tqdm

from styleguide_example.common.commands import AnsweringCommand, format_argument, seconds_read, waited_for
from styleguide_example.core.enums import Priority
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.bulk import (
    NewEmail,
    Recipient,
    email_create_all,
    email_create_all_from_template,
)
from styleguide_example.emails.enums import WAITING_STATUSES, EmailStatus
from styleguide_example.emails.management.arguments import (
    PRIORITIES,
    addresses_read,
    context_read,
    moment_read,
    template_check,
)
from styleguide_example.emails.management.email_texts import batch_json, batch_line, email_json, email_lines
from styleguide_example.emails.models import Email
from styleguide_example.emails.selectors import email_batch_counts, email_batch_waits
from styleguide_example.emails.services import email_create, email_create_from_template, email_queue

#: Of many, so many are committed at once: a command that was killed goes on there when it is run again.
CHUNK = 500
STILL_WAITING = 3
#: Between two looks at many.
_LOOK_SECONDS = 0.5
#: What only one e-mail can have: those of a batch are alike.
_OF_ONE = ("cc", "bcc", "reply_to", "send_after", "idempotency_key")


class Command(AnsweringCommand):
    """Writes rows; workers send. So it ends at once, and what it wrote outlives it."""

    help = (
        "Write an e-mail and have it sent: by a worker, with all that is promised of e-mails. With --to-file each "
        "address gets an e-mail of its own."
    )
    epilog = """
examples:
  manage.py email_send --to ada@example.com --subject Hello --text "It works."
  manage.py email_send --to ada@example.com --template welcome \\
      --context '{"name": "Ada", "home_url": "https://app.example.com"}' --wait 30
  manage.py email_send --to-file people.txt --template news --batch news-7

Run again with the same --batch (or --idempotency-key), nobody gets it twice.

exit codes: 0 written, and with --wait sent; 1 refused and nothing written, or
with --wait not sent for good; 2 wrong arguments; 3 with --wait: it is still on
its way, which email_status follows.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare who, what and when."""
        who = parser.add_argument_group("who")
        to = who.add_mutually_exclusive_group(required=True)
        to.add_argument("--to", action="append", metavar="ADDRESS", help="May be repeated: one e-mail to all of them.")
        to.add_argument("--to-file", metavar="FILE", help="An address a line; an e-mail to each. '-' is stdin.")
        for name in ("--cc", "--bcc", "--reply-to"):
            who.add_argument(name, action="append", default=[], metavar="ADDRESS", help="May be repeated.")
        who.add_argument("--from", dest="from_email", default="", metavar="ADDRESS", help="The sender.")
        self._add_what(parser)
        self._add_how(parser)
        format_argument(parser)

    def _add_how(self, parser: CommandParser) -> None:
        parser.add_argument("--priority", choices=PRIORITIES, help="How soon (default: normal; of many, low).")
        parser.add_argument("--server", default="", metavar="NAME", help="One of EMAIL_SERVERS.")
        parser.add_argument("--send-after", type=moment_read, metavar="MOMENT", help="As 2026-12-24T18:00:00+01:00.")
        parser.add_argument("--idempotency-key", metavar="KEY", help="Used before, that e-mail is meant.")
        parser.add_argument("--batch", metavar="NAME", help="With --to-file: the name of all of them together.")
        parser.add_argument("--wait", type=seconds_read, metavar="SECONDS", help="Wait for the end, so long at most.")

    def _add_what(self, parser: CommandParser) -> None:
        what = parser.add_argument_group("what")
        what.add_argument("--template", metavar="NAME", help="One of templates/emails/, without its ending.")
        what.add_argument("--context", metavar="JSON", help="An object; *_at is a moment, *_html markup.")
        what.add_argument("--context-file", metavar="FILE", help="The same in a file; '-' is stdin.")
        codes = [code for code, _ in settings.LANGUAGES]
        what.add_argument("--language", default="", choices=codes, help="Of the template.")
        what.add_argument("--subject", metavar="TEXT", help="Without a template.")
        what.add_argument("--text", metavar="TEXT", help="Without a template.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what belongs together, write, tell, and wait if asked to."""
        _options_check(options)
        options["context"] = context_read(options["context"], options["context_file"])
        if options["template"] is not None:
            template_check(options["template"], options["context"], options["language"])
        try:
            if options["to_file"]:
                self._many(options)
            else:
                self._one(options)
        except ConflictError as error:
            raise CommandError(f"Nothing was written: {error}") from None

    def _one(self, options: Mapping[str, Any]) -> None:
        with transaction.atomic():
            email = email_queue(email=_create(options))
        is_text = options["format"] == "text"
        if is_text:
            self.stdout.write(f"E-mail {email.pk} is written and asked for: manage.py email_status {email.pk}")
        if options["wait"]:
            waited_for(lambda: _has_ended(email), seconds=options["wait"])
            if is_text:
                self.stdout.write("\n".join(email_lines(email)))
        if not is_text:
            self._print_json(email_json(email))
        if options["wait"]:
            sys.exit(_exit_code(waits=email.status in WAITING_STATUSES, is_sent=email.status == EmailStatus.SENT))

    def _many(self, options: Mapping[str, Any]) -> None:
        batch = options["batch"] or f"email_send-{timezone.now():%Y%m%d-%H%M%S-%f}"
        addresses = addresses_read(options["to_file"])
        with tqdm(total=len(addresses), desc="Written", unit="e-mail", disable=None) as bar:
            for start in range(0, len(addresses), CHUNK):
                chunk = addresses[start : start + CHUNK]
                _create_all(chunk, batch=batch, options=options)
                bar.update(len(chunk))
        is_text = options["format"] == "text"
        if is_text:
            self.stdout.write(
                f"{len(addresses):,} e-mails are written: manage.py email_status --batch {shlex.quote(batch)}"
            )
        if options["wait"]:
            self._wait(batch, options["wait"])
        counts = email_batch_counts(batch=batch)
        if not is_text:
            self._print_json(batch_json(batch, counts))
        elif options["wait"]:
            self.stdout.write(batch_line(batch, counts))
        if options["wait"]:
            sys.exit(_exit_code(waits=counts.waiting > 0, is_sent=counts.sent == counts.known))

    def _wait(self, batch: str, seconds: float) -> None:
        total = email_batch_counts(batch=batch).known
        with tqdm(total=total, desc="Ended", unit="e-mail", disable=None) as bar:

            def have_ended() -> bool:
                if not bar.disable:  # to count them takes longer than to look for one
                    bar.update(total - email_batch_counts(batch=batch).waiting - bar.n)
                return not email_batch_waits(batch=batch)

            waited_for(have_ended, seconds=seconds, every=_LOOK_SECONDS)

    def _print_json(self, document: Mapping[str, Any]) -> None:
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))


def _options_check(options: Mapping[str, Any]) -> None:
    is_text = options["subject"] is not None and options["text"] is not None
    if options["template"] is None and not is_text:
        raise CommandError("Say what to write: --template, or --subject and --text.")
    if options["template"] is not None and (options["subject"] is not None or options["text"] is not None):
        raise CommandError("A template brings its own subject and text: leave out --subject and --text.")
    if options["template"] is None and (options["context"] or options["context_file"] or options["language"]):
        raise CommandError("--context and --language are for a --template.")
    if options["context"] and options["context_file"]:
        raise CommandError("Give --context or --context-file, not both.")
    if options["context_file"] == options["to_file"] == "-":
        raise CommandError("Only one of --to-file and --context-file can be standard input.")
    if options["batch"] and not options["to_file"]:
        raise CommandError("--batch names those of a --to-file.")
    if options["to_file"] and (wrong := [name for name in _OF_ONE if options[name]]):
        raise CommandError(f"With --to-file all e-mails are alike: leave out --{wrong[0].replace('_', '-')}.")


def _create(options: Mapping[str, Any]) -> Email:
    fields = {**_shared(options), **{name: options[name] for name in _OF_ONE}, "to": options["to"]}
    if options["template"] is None:
        return email_create(subject=options["subject"], plain_text=options["text"], **fields)
    return email_create_from_template(
        template=options["template"], context=options["context"], language=options["language"], **fields
    )


def _create_all(addresses: Sequence[str], *, batch: str, options: Mapping[str, Any]) -> None:
    keys = {address: _key(batch, address) for address in addresses}
    shared = {**_shared(options), "batch": batch}
    if options["template"] is None:
        subject, text = options["subject"], options["text"]
        emails = (NewEmail(key, to, subject, "", text) for to, key in keys.items())
        created = email_create_all(emails=emails, **shared)
    else:
        recipients = _recipients(keys, options["language"])
        created = email_create_all_from_template(
            template=options["template"], recipients=recipients, context=options["context"], **shared
        )
    if created.invalid:
        raise CommandError(f"{len(created.invalid):,} were not written: {next(iter(created.invalid.values()))}")


def _recipients(keys: Mapping[str, str], language: str) -> Iterable[Recipient]:
    return (Recipient(idempotency_key=key, to=to, language=language) for to, key in keys.items())


def _shared(options: Mapping[str, Any]) -> dict[str, Any]:
    shared = {"from_email": options["from_email"], "server": options["server"]}
    return {**shared, **({"priority": Priority[options["priority"].upper()]} if options["priority"] else {})}


def _key(batch: str, address: str) -> str:
    """Who it is for is in it, and cannot be read from it."""
    return f"{batch}:{hashlib.sha256(address.lower().encode()).hexdigest()[:40]}"


def _has_ended(email: Email) -> bool:
    email.refresh_from_db()
    return email.status not in WAITING_STATUSES


def _exit_code(*, waits: bool, is_sent: bool) -> int:
    if waits:
        return STILL_WAITING
    return 0 if is_sent else 1
