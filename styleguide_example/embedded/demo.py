"""``make demo``: three people sign up and get an announcement; every e-mail, job and schedule is accounted for.

Everything is the real thing, in a temporary directory and on free ports: nothing outside is read, used or left behind.
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from styleguide_example.embedded.broker import broker_socket
from styleguide_example.embedded.environment import (
    HOST,
    PROJECT_DIR,
    free_ports,
    is_listening,
    is_listening_on,
    is_serving,
    stack_variables,
    without_project_variables,
)
from styleguide_example.embedded.interrupts import interrupts_become_one
from styleguide_example.embedded.journey import (
    Browser,
    JourneyError,
    Person,
    admin_sign_in,
    announcement_send,
    is_ended,
    person_onboard,
    person_sign_up,
    schedule_edit,
)
from styleguide_example.embedded.mailbox import CaughtMail, caught_list, mailbox_directory
from styleguide_example.embedded.output import LogFiles, say
from styleguide_example.embedded.stack import ADMIN, BROKER, MAIL, Stack, StackError, product_commands, release_command

PEOPLE = ("Ada Lovelace", "Grace Hopper", "Katherine Johnson")
#: What an admin edits, and to what.
EDITED = "Delete e-mails that ended long ago"
EDITED_LINE = "45 4 * * *"
#: What is announced to those who completed onboarding: the three, and not the admin.
AUDIENCE = "onboarded"
SUBJECT = "Field notes can be shared now"
TEXT = """Since today a note has a button **Share**.

1. Open a note.
2. Choose who may read it.

[What is new](https://example.com/new) tells the rest."""
#: A confirmation, a welcome, and the announcement.
EMAILS_PER_PERSON = 3
LOG_LINES_SHOWN = 25


def main() -> int:
    """Run the demo. Returns 0 only when every e-mail arrived once and every schedule is in place."""
    interrupts_become_one()
    try:
        with tempfile.TemporaryDirectory(prefix="styleguide-demo-", ignore_cleanup_errors=True) as directory:
            return _demo(Path(directory).resolve())
    except KeyboardInterrupt:
        say("\nInterrupted. Everything was stopped and removed.", to=sys.stderr)
        return 130


def _demo(directory: Path) -> int:
    environment = demo_environment(directory, os.environ)
    logs = LogFiles(directory)
    try:
        _play(environment, directory, logs)
    except (JourneyError, StackError) as error:
        name = getattr(error, "name", "web")
        say(f"\nThe demo failed. {error}\n\nThe last lines of {name}:", to=sys.stderr)
        for line in logs.lines(name)[-LOG_LINES_SHOWN:] or ["(it said nothing)"]:
            say(f"  {line}", to=sys.stderr)
        return 1
    return subprocess.run(  # noqa: S603  our own command
        [
            sys.executable,
            "manage.py",
            "demo_account",
            "--people",
            str(len(PEOPLE)),
            "--edits",
            "1",
            "--announcements",
            "1",
        ],
        cwd=PROJECT_DIR,
        env=environment,
        check=False,
    ).returncode


def demo_environment(directory: Path, surroundings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a stack in ``directory`` that nothing outside configures."""
    web_port, smtp_port = free_ports(2)
    return {
        **without_project_variables(surroundings),
        "ENV_FILE": os.devnull,  # a developer's .env is for `make run`
        **stack_variables(var_dir=directory, web_port=web_port, smtp_port=smtp_port),
        "APP_BASE_URL": f"http://{HOST}:{web_port}",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "WEB_CONCURRENCY": "1",
    }


def _play(environment: Mapping[str, str], directory: Path, logs: LogFiles) -> None:
    began = time.monotonic()
    embedded = {"broker": BROKER, "mail": MAIL}
    product = product_commands()
    once = {"release": release_command(), "admin": ADMIN}
    with Stack([embedded, once, product], env=environment, write=logs) as stack:
        say("Database and schedules: migrate, then setup_periodic_tasks")
        stack.start(*embedded)
        stack.finish("release")
        _show_release(logs)
        _start_product(stack, environment, directory, product)
        say(f"\nStarted {', '.join([*embedded, *product])} in {time.monotonic() - began:.1f} s\n")
        base_url = environment["APP_BASE_URL"]
        say(f"{len(PEOPLE)} people sign up and complete onboarding at {base_url}")
        for name in PEOPLE:
            _sign_up_and_onboard(stack, base_url, mailbox_directory(directory), name)
        browser = _sign_in_as_admin(stack, base_url, logs)
        _edit_and_deploy(stack, base_url, browser, logs)
        _announce(stack, base_url, browser, mailbox_directory(directory))
        say("\nStopping everything")
    say(f"Stopped; {time.monotonic() - began:.1f} s in all\n")


def _start_product(stack: Stack, environment: Mapping[str, str], directory: Path, product: Mapping[str, str]) -> None:
    smtp_port = int(environment["EMAIL_URL"].rpartition(":")[2])
    stack.wait_until(partial(is_listening_on, broker_socket(directory)), what="the broker to answer", name="broker")
    stack.wait_until(partial(is_listening, HOST, smtp_port), what="the mail catcher to answer", name="mail")
    stack.start(*product)
    stack.wait_until(partial(is_serving, int(environment["PORT"])), what="the web server to answer", name="web")


def _sign_up_and_onboard(stack: Stack, base_url: str, mailbox: Path, name: str) -> None:
    person = _person(name)
    browser = person_sign_up(base_url=base_url, person=person)
    confirmation = _mails_of(stack, mailbox, person, count=1)[0]
    say(f"  {name:<18} signed up, got {confirmation.subject!r}")
    person_onboard(browser=browser, base_url=base_url, person=person, confirmation=confirmation)
    welcome = _mails_of(stack, mailbox, person, count=2)[-1]
    say(f"  {'':<18} completed onboarding, got {welcome.subject!r}")


def _sign_in_as_admin(stack: Stack, base_url: str, logs: LogFiles) -> Browser:
    stack.finish("admin")
    found = re.search(r"(\S+), password (\S+)", "\n".join(logs.lines("admin")))
    if found is None:
        raise StackError("No administrator was made.", name="admin")
    return admin_sign_in(base_url=base_url, address=found.group(1), password=found.group(2))


def _edit_and_deploy(stack: Stack, base_url: str, browser: Browser, logs: LogFiles) -> None:
    say("\nAn admin edits a schedule in the browser, and a deploy comes after it")
    schedule_edit(browser=browser, base_url=base_url, name=EDITED, cron_line=EDITED_LINE)
    say(f"  {EDITED!r} was moved to {EDITED_LINE!r}")
    lines_before = len(logs.lines("release"))
    stack.finish("release")
    for line in logs.lines("release")[lines_before:]:
        if "chedules:" in line or EDITED in line:
            say(f"  deploy: {line.strip()}")


def _announce(stack: Stack, base_url: str, browser: Browser, mailbox: Path) -> None:
    say(f"\nAn admin announces {SUBJECT!r} to all who completed onboarding")
    began = time.monotonic()
    page = announcement_send(browser=browser, base_url=base_url, subject=SUBJECT, text=TEXT, audience=AUDIENCE)
    stack.wait_until(
        lambda: is_ended(browser.get(page.url)), what="the announcement to be written and sent", name="worker"
    )
    say(f"  written and sent in {time.monotonic() - began:.1f} s")
    for name in PEOPLE:
        mail = _mails_of(stack, mailbox, _person(name), count=EMAILS_PER_PERSON)[-1]
        say(f"  {name:<18} got {mail.subject!r}")


def _person(name: str) -> Person:
    address = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    return Person(name=name, address=address, password=secrets.token_urlsafe(16))


def _mails_of(stack: Stack, mailbox: Path, person: Person, *, count: int) -> list[CaughtMail]:
    """Wait for as many e-mails to this person. Returns them, oldest first."""

    def arrived() -> list[CaughtMail]:
        return [mail for mail in reversed(caught_list(mailbox)) if person.address in mail.envelope_to]

    stack.wait_until(
        lambda: len(arrived()) >= count, what=f"e-mail {count} to {person.address} to arrive", name="worker"
    )
    return arrived()


def _show_release(logs: LogFiles) -> None:
    lines = logs.lines("release")
    applied = [line for line in lines if re.match(r"\s+Applying ", line)]
    say(f"  {len(applied)} migrations applied")
    for line in lines[lines.index(applied[-1]) + 1 :] if applied else lines:
        say(f"  {line.strip()}")


if __name__ == "__main__":
    sys.exit(main())
