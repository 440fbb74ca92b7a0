"""Messages that are none: other types than JSON, bodies that are no call, headers that are of none."""

import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from config.tests.security.forging import call_headers, message_forge, task_forge
from styleguide_example.emails.tasks import email_send as email_send_task

EMAIL_SEND = email_send_task.name
NO_ARGUMENTS = json.dumps([[], {}, {}])


class Bomb:
    """What unpickling it does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


OTHER_TYPES: dict[str, Callable[..., None]] = {
    "yaml": partial(message_forge, "!!python/object/apply:os.getcwd []", content_type="application/x-yaml"),
    "plain text": partial(message_forge, "hello", content_type="text/plain"),
    "msgpack": partial(message_forge, b"\x93\x90\x80\x80", content_type="application/x-msgpack", encoding="binary"),
    "a type that nobody knows": partial(message_forge, "hello", content_type="application/x-nothing"),
    "garbage that says it is JSON": partial(message_forge, b"\xff\xfe{not", encoding="binary"),
}
SHAPES = {
    "null": "null",
    "a number": "7",
    "a text": '"hello"',
    "an empty list": "[]",
    "an object": "{}",
    "a call in the former protocol": json.dumps({"task": EMAIL_SEND, "id": "1", "args": [], "kwargs": {"email_id": 1}}),
    "a list that is too long": "[[], {}, {}, {}]",
    "arguments that are no list": '["x", {}, {}]',
    "keyword arguments that are a list": "[[], [1], {}]",
    "options that are a list": "[[], {}, [1]]",
    "lists in lists without end": "[" * 50_000,
    "a number without end": f"[[], {{}}, {'9' * 20_000}]",
    "not JSON": "{",
}
HEADERS: dict[str, dict[str, Any]] = {
    "a task that nobody knows": {"task": "os.system"},
    "no task": {"task": None},
    "a task without a name": {"task": ""},
    "a task that is a number": {"task": 7},
    "a task that is a list": {"task": ["x"]},
    "a task that is an object": {"task": {"x": "y"}},
    "a task with a name of 100,000 letters": {"task": "x" * 100_000},
    "no id": {"id": None},
    "an id that is a number": {"id": 7},
    "an id that is a list": {"id": [7]},
    "an id with a line break": {"id": "x\nERROR forged"},
    "a time that is none": {"eta": "soon"},
    "a time beyond all calendars": {"eta": "9999-12-31T23:59:59+00:00"},
    "a time that is a number": {"eta": 7},
    "a time that is a list": {"eta": [7]},
    "an end that is none": {"expires": "never"},
    "an end that is a list": {"expires": [7]},
    "a limit that is a text": {"timelimit": "xy"},
    "a limit of texts": {"timelimit": ["x", "y"]},
    "a limit below zero": {"timelimit": [-1, -1]},
    "three limits": {"timelimit": [1, 2, 3]},
    "retries that are no number": {"retries": "many"},
    "retries below zero": {"retries": -1},
    "retries beyond all counting": {"retries": 2**62},
    "a group that is a list": {"group": [7], "group_index": "x", "root_id": [7], "parent_id": {"x": 7}},
    "stamps that are a number": {"stamps": 7, "stamped_headers": 7},
    "a name to show that is a list": {"shadow": [7], "argsrepr": [7], "kwargsrepr": {}, "origin": [7]},
    "a header of ours that is a list": {"job": ["x"]},
    "the header of a schedule's run, without one": {"schedule_run": "x"},
}


def forge_other_types(bomb: Path) -> int:
    """What is not JSON, with the headers of a call and without; a pickle that makes the file ``bomb`` if it is read.

    Like the others here it returns how many of them a worker has to refuse.
    """
    pickled = pickle.dumps(([], {"email_id": Bomb(bomb)}, {}))
    forge = partial(message_forge, pickled, content_type="application/x-python-serialize", encoding="binary")
    every: list[Callable[..., None]] = [forge, *OTHER_TYPES.values()]
    for one in every:
        one(headers=call_headers(EMAIL_SEND))
        one()
    return 2 * len(every)


def forge_shapes() -> int:
    """JSON that is no call."""
    for body in SHAPES.values():
        message_forge(body, headers=call_headers(EMAIL_SEND))
        message_forge(body)
    return 2 * len(SHAPES)


def forge_headers() -> int:
    """Headers that are of no call. Some of them a task may meet, and refuse."""
    for headers in HEADERS.values():
        message_forge(NO_ARGUMENTS, headers={**call_headers(EMAIL_SEND), **headers})
    message_forge(NO_ARGUMENTS, headers={"task": EMAIL_SEND})
    return 0


def forge_too_large() -> int:
    """What has more bytes than any call."""
    large = "x" * 5_000_000
    task_forge(EMAIL_SEND, [large])
    task_forge(EMAIL_SEND, kwargs={"email_id": large})
    message_forge(large)
    task_forge("a.task.that.nobody.knows", [large])
    return 4
