"""``make run``: the whole product on this machine, kept up until Ctrl-C.

Variables that are set, in the environment or in ``.env``, win: with a DATABASE_URL of one's own nothing is kept in
SQLite, with a CELERY_BROKER_URL no broker is started, with an EMAIL_URL no mail is caught.
"""

import os
import sys
import time
from contextlib import closing
from functools import partial

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.env import VAR_DIR, env
from styleguide_example.embedded.broker import BrokerError, broker_command, broker_socket
from styleguide_example.embedded.environment import (
    HOST,
    free_port,
    is_listening,
    is_listening_on,
    is_serving,
    stack_variables,
)
from styleguide_example.embedded.interrupts import interrupts_become_one
from styleguide_example.embedded.locks import LockHeldError, lock_take
from styleguide_example.embedded.output import Console, say
from styleguide_example.embedded.stack import ADMIN, BROKER, MAIL, Stack, StackError, product_commands, release_command
from styleguide_example.embedded.supervision import CodeWatch, Supervisor

WEB_PORT, SMTP_PORT = 8000, 1025


class RunRefusedError(Exception):
    """The stack cannot be started like this; the message says what to do."""


def main() -> int:
    """Run the stack. Returns the exit code: 0 after Ctrl-C or SIGTERM, which is how it ends."""
    interrupts_become_one()
    try:
        _run()
    except KeyboardInterrupt:
        say("\nStopped. Nothing was left running.")
        return 0
    except (RunRefusedError, BrokerError, ImproperlyConfigured, OSError, StackError) as error:
        say(f"\nmake run: {error}", to=sys.stderr)
        return 1
    return 0


def _run() -> None:
    try:
        lock_take(VAR_DIR / "run.lock")
    except LockHeldError as error:
        raise RunRefusedError(
            f"Another `make run` uses {VAR_DIR}. Stop that one, or give this one a directory of its own: "
            "VAR_DIR=/tmp/another make run"
        ) from error
    embedded = _embedded_commands()
    product = product_commands()
    write = Console([*embedded, *product, "release", "admin", "stack"])
    # The commands that come and go are a stage of their own, so that the others outlive them.
    once = {"release": release_command(), "admin": ADMIN}
    with Stack([embedded, once, product], env=os.environ, write=write) as stack:
        _start(stack, embedded, product)
        _tell()
        supervisor = Supervisor(stack, reloaded=product, write=write)
        with closing(CodeWatch()) as watch:
            watch.start()
            while True:
                supervisor.look(code_changed=watch.has_changed())
                time.sleep(0.2)


def _embedded_commands() -> dict[str, str]:
    """Complete the environment, and return what has to be started because nothing outside is named for it.

    Raises:
        RunRefusedError: with settings that are not for development.
    """
    catches_mail = "EMAIL_URL" not in os.environ
    preferred = env.int("PORT", default=WEB_PORT, at_most=65_435)  # of which, or the next hundred, one is free
    os.environ.pop("PORT", None)
    variables = stack_variables(var_dir=VAR_DIR, web_port=free_port(preferred), smtp_port=free_port(SMTP_PORT))
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    if "styleguide_example.embedded" not in settings.INSTALLED_APPS or not settings.DEBUG:
        raise RunRefusedError(
            f"{os.environ['DJANGO_SETTINGS_MODULE']} with DEBUG={settings.DEBUG} is not for development. Unset "
            "DJANGO_SETTINGS_MODULE and DJANGO_DEBUG, also in .env. In production start the lines of the Procfile."
        )
    commands = {}
    if broker_command(broker_url=settings.CELERY_BROKER_URL, var_dir=settings.VAR_DIR):
        commands["broker"] = BROKER
    if catches_mail:
        commands["mail"] = MAIL
    return commands


def _start(stack: Stack, embedded: dict[str, str], product: dict[str, str]) -> None:
    stack.start(*embedded)
    stack.finish("release")
    if "broker" in embedded:
        is_ready = partial(is_listening_on, broker_socket(VAR_DIR))
        stack.wait_until(is_ready, what="the broker to answer", name="broker")
    if "mail" in embedded:
        is_ready = partial(is_listening, HOST, settings.EMAIL_PORT)
        stack.wait_until(is_ready, what="the mail catcher to answer", name="mail")
    stack.start(*product)
    stack.wait_until(partial(is_serving, int(os.environ["PORT"])), what="the web server to answer", name="web")
    stack.finish("admin")  # last, so that its password stands where somebody looks


def _tell() -> None:
    home = settings.APP_BASE_URL
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    say(f"\n{bold}Open {home}/  ·  mail arrives at {home}/mailbox/  ·  Ctrl-C stops everything{plain}\n")


if __name__ == "__main__":
    sys.exit(main())
