"""Django's way to send one e-mail."""

from django.core.mail import EmailMultiAlternatives

from benchmarks.bulk.corpus import SENDER, letter


def message(number: int) -> EmailMultiAlternatives:
    """Return the e-mail of one reader."""
    new = letter(number)
    made = EmailMultiAlternatives(new.subject, new.plain_text, SENDER, [new.to])
    made.attach_alternative(new.html, "text/html")
    return made


def message_send(number: int) -> None:
    """Send it over a connection of its own, as ``EmailMessage.send`` does."""
    message(number).send()
