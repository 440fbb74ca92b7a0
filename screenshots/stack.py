"""A stack in a temporary directory, on free ports: web, mail catcher, broker. No worker and no beat: nothing moves."""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from styleguide_example.embedded.broker import broker_socket
from styleguide_example.embedded.environment import (
    HOST,
    free_port,
    is_listening,
    is_listening_on,
    is_serving,
    stack_variables,
    without_project_variables,
)
from styleguide_example.embedded.output import LogFiles
from styleguide_example.embedded.stack import BROKER, MAIL, Stack, StackError, product_commands, release_command

#: It stands in the letters: the same one each time, where it is free.
WEB_PORT = 8000
_LINES_SHOWN = 15
_FILL = """python manage.py shell --no-imports -c "from screenshots.world.whole import world_note; world_note('{}')" """


@contextmanager
def filled_stack() -> Iterator[tuple[str, dict[str, Any]]]:
    """Start it, fill it, and stop it again. Yields its address, and what the world noted down.

    Raises:
        StackError: when a part of it ends or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="styleguide-shots-", ignore_cleanup_errors=True) as name:
        directory = Path(name).resolve()
        environment = _environment(directory)
        notes, logs = directory / "found.json", LogFiles(directory)
        once = {"release": release_command(), "fill": _FILL.format(notes)}
        stages = [{"broker": BROKER, "mail": MAIL}, once, {"web": product_commands()["web"]}]
        with Stack(stages, env=environment, write=logs) as stack:
            try:
                _start(stack, environment)
            except StackError as error:
                said = "\n  ".join(logs.lines(error.name)[-_LINES_SHOWN:])
                raise StackError(f"{error}\n  {said}", name=error.name) from error
            yield environment["APP_BASE_URL"], json.loads(notes.read_text())


def _start(stack: Stack, environment: Mapping[str, str]) -> None:
    web_port, smtp_port = int(environment["PORT"]), int(environment["EMAIL_URL"].rpartition(":")[2])
    socket = broker_socket(Path(environment["VAR_DIR"]))
    stack.start("broker", "mail")
    stack.finish("release")
    stack.wait_until(partial(is_listening_on, socket), what="the broker to answer", name="broker")
    stack.wait_until(partial(is_listening, HOST, smtp_port), what="the mail catcher to answer", name="mail")
    stack.finish("fill")
    stack.start("web")
    stack.wait_until(partial(is_serving, web_port), what="the web server to answer", name="web")


def _environment(directory: Path) -> Mapping[str, str]:
    return {
        **without_project_variables(os.environ),
        "ENV_FILE": os.devnull,  # a developer's .env is for `make run`
        **stack_variables(var_dir=directory, web_port=free_port(WEB_PORT), smtp_port=free_port()),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "WEB_CONCURRENCY": "1",
    }
