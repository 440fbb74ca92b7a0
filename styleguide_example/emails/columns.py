"""The cells of the lists: an e-mail, a suppression, a pace."""

from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from styleguide_example.emails.models import Email
from styleguide_example.emails.words import Look, age_words, email_detail, email_look


def sign_cell(look: Look, detail: str = "") -> SafeString:
    """Return a symbol and a word, and a quiet line below."""
    more = format_html(' <span class="quiet detail">{}</span>', detail) if detail else ""
    return format_html(
        '<span class="sign {}"><span aria-hidden="true">{}</span> {}</span>{}', look.name, look.symbol, look.word, more
    )


def status_cell(email: Email) -> SafeString:
    """Return how it stands, and why."""
    return sign_cell(email_look(email), email_detail(email, now=timezone.now()))


def recipients_cell(email: Email) -> str:
    """Return the first recipients, and how many more."""
    everyone = [str(address) for address in (*email.to, *email.cc, *email.bcc)]
    more = f" and {len(everyone) - 2} more" if len(everyone) > 2 else ""
    return ", ".join(everyone[:2]) + more


def moment_cell(moment: datetime | None) -> SafeString | str:
    """Return a moment with its seconds, on one line."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}")


def age_cell(moment: datetime) -> SafeString:
    """Return how long ago, and when exactly for whoever points at it."""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}", age_words(moment)
    )


def email_page(email_id: int) -> str:
    """Return the address of an e-mail's page in the admin."""
    return reverse("admin:emails_email_change", args=[email_id])
