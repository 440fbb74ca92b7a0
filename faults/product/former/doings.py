"""What the former release left in the broker."""

from celery import current_app

from styleguide_example.emails.models import Email

#: Names and arguments that the present release does not know.
MESSAGES = (
    ("styleguide_example.emails.tasks.email_deliver", "pk"),
    ("styleguide_example.emails.tasks.email_send", "email"),
)


def messages_replace(*, domain: str) -> int:
    """Delete all messages, and send two of a former version for each e-mail that waits. Returns how many."""
    current_app.control.purge()
    waiting = Email.objects.filter(status=Email.Status.SENDING, to__icontains=f"@{domain}").values_list("pk", flat=True)
    sent = [
        current_app.send_task(name, kwargs={argument: key}, queue=current_app.conf.task_default_queue)
        for key in waiting
        for name, argument in MESSAGES
    ]
    return len(sent)
