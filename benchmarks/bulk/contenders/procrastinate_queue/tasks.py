"""One job for each e-mail."""

from procrastinate.contrib.django import app

from benchmarks.bulk.contenders.messages import message_send


@app.task
def email_send(number: int) -> None:
    """Build it and send it over a connection of its own."""
    message_send(number)
