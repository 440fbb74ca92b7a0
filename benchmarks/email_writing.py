"""Many e-mails from one template, written in one call: the peak of the process's memory, and the time.

``python -m benchmarks.email_writing [count]`` writes 100,000 e-mails, or so many, in a process of its own, into a
database that is made for it and dropped afterwards: SQLite in a temporary directory, or one on the server of
``DATABASE_URL``.
"""

import benchmarks.prepared  # noqa: F401  sets Django up, before models are imported

# isort: split

import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from benchmarks.measuring import database_made
from styleguide_example.announcements.rendering import body_html
from styleguide_example.emails.bulk import Recipient, email_create_all_from_template
from styleguide_example.emails.models import Email
from styleguide_example.tasks.celery import app

COUNT = 100_000
#: By then everything is loaded that is loaded once, and two chunks are written.
SETTLED_AFTER = 1000
HERE = "--here"
BODY = "Somebody wrote down what they found out, so that nobody has to find it out again. " * 25


def main() -> None:
    """Write them in a child, and print what it took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with database_made():
        command = [sys.executable, "-m", "benchmarks.email_writing", HERE, str(count)]
        environment = {**os.environ, "DATABASE_URL": _database_url()}
        child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603  this module
        result = json.loads(child.stdout)
        email = Email.objects.order_by("pk")[0]
        connection.close()
    sys.stdout.write(
        f"{connection.display_name}, {count:,} e-mails of {len(email.html):,} characters of HTML"
        f" and {len(email.plain_text):,} of text: {result['seconds'] / count * 1000:.2f} ms each;"
        f" {result['settled_mb']:.0f} MB after {SETTLED_AFTER:,} e-mails, {result['peak_mb']:.0f} MB at the peak\n"
    )


def write_here(count: int) -> dict[str, float]:
    """Write ``count`` e-mails into the database of ``DATABASE_URL``. Returns the memory then and in the end."""
    settled: list[float] = []

    def recipients() -> Iterator[Recipient]:
        for number in range(count):
            if number == SETTLED_AFTER:
                settled.append(_peak_mb())
            context = {"greeting": f"Hello Ada {number},", "unsubscribe_url": f"https://example.com/{number}/"}
            yield Recipient(idempotency_key=f"news:{number}", to=f"person{number}@example.org", context=context)

    common: dict[str, Any] = {"subject": "News", "body": BODY, "body_html": body_html(BODY)}
    began = time.perf_counter()
    created = email_create_all_from_template(
        template="announcement", recipients=recipients(), context=common, batch="news"
    )
    seconds = time.perf_counter() - began
    return {"written": created.count, "settled_mb": settled[0], "peak_mb": _peak_mb(), "seconds": seconds}


def _peak_mb() -> float:
    """The high-water mark of this process's memory (proc(5), VmHWM). Not getrusage's: that has its parent's in it."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def _database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{values['NAME']}"


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    app.conf.update(broker_url="memory://")
    if HERE in sys.argv:
        json.dump(write_here(int(sys.argv[2])), sys.stdout)
    else:
        main()
