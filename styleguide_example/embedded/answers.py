"""Errors on demand: what the mail catcher answers to the next messages, instead of taking them.

The page that orders an answer and the catcher that gives it are two processes. What they share is one small file beside
the mailbox, changed under a lock and replaced whole: two messages at once never get the same last answer.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import TextChoices

from styleguide_example.embedded.letters import text_clean
from styleguide_example.embedded.locks import lock_hold

HISTORY_MAX = 20
_RECIPIENTS_KEPT = 3


class Answer(TextChoices):
    """What a message gets."""

    LATER = "451", "451: not now"
    NEVER = "550", "550: refused for good"
    CUT = "cut", "A cut connection"
    SILENCE = "silence", "Ten seconds of silence"


class Stage(TextChoices):
    """When it gets it."""

    RCPT = "rcpt", "at its first recipient"
    DATA = "data", "when all of it has come"
    TAKEN = "taken", "after it was taken"


@dataclass(frozen=True)
class Order:
    """An answer that is to be given ``left`` more times, or until somebody switches it off (None)."""

    answer: Answer
    stage: Stage
    left: int | None = 1


@dataclass(frozen=True)
class Given:
    """An answer that was given: when, and to whose message."""

    at: datetime
    answer: Answer
    stage: Stage
    sender: str
    recipients: list[str]


@dataclass(frozen=True)
class Answers:
    """What is ordered, if anything is, and what was given, newest first."""

    order: Order | None = None
    history: list[Given] = field(default_factory=list)


def answers_path(mailbox: Path) -> Path:
    """Return the file beside the ``mailbox`` in which the answers are kept."""
    return mailbox.with_name("mail-answers.json")


def answers_read(path: Path) -> Answers:
    """Return what is ordered and what was given; nothing of both where the file is missing or is not ours."""
    try:
        kept = json.loads(path.read_bytes())
        order = kept["order"] and Order(**_typed(kept["order"]))
        return Answers(order=order, history=[Given(**_typed(given)) for given in kept["history"]])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Answers()


def answer_order(path: Path, order: Order | None) -> None:
    """Have ``order`` carried out from the next message on, instead of what was ordered before. None: take all again."""
    with _locked(path):
        _write(path, replace(answers_read(path), order=order))


def answer_take(path: Path, *, stage: Stage, sender: str, recipients: Sequence[str]) -> Answer | None:
    """Return what a message that has come to ``stage`` gets, and count it as given. None: it is to be taken.

    Of several messages at once, as many get the answer as were ordered.
    """
    if not _is_due(answers_read(path).order, stage):
        return None
    with _locked(path):
        answers = answers_read(path)
        order = answers.order
        if order is None or order.stage != stage:  # another message took the last one
            return None
        to = [text_clean(recipient) for recipient in recipients[:_RECIPIENTS_KEPT]]
        given = Given(datetime.now(tz=UTC), order.answer, stage, text_clean(sender), to)
        _write(path, Answers(order=_one_less(order), history=[given, *answers.history][:HISTORY_MAX]))
    return order.answer


def _is_due(order: Order | None, stage: Stage) -> bool:
    return order is not None and order.stage == stage


def _one_less(order: Order) -> Order | None:
    if order.left is None:
        return order
    return replace(order, left=order.left - 1) if order.left > 1 else None


def _locked(path: Path) -> AbstractContextManager[None]:
    return lock_hold(path.with_suffix(".lock"))


def _write(path: Path, answers: Answers) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(answers), default=datetime.isoformat))
    draft.replace(path)


def _typed(kept: dict[str, Any]) -> dict[str, Any]:
    """JSON knows neither our choices nor moments."""
    types: dict[str, Callable[[str], Any]] = {"answer": Answer, "stage": Stage, "at": datetime.fromisoformat}
    return {name: types[name](value) if name in types else value for name, value in kept.items()}
