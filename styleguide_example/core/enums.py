"""Enums that more than one floor knows."""

from enum import IntEnum

#: Ten priorities, 0 to 9, on every broker.
HIGHEST_BROKER_PRIORITY = 9


class Priority(IntEnum):
    """How soon a message should be worked on: 0 first, 9 last, whatever the broker's own order is.

    The names and numbers are the field's (Alliance Auth's table); brokers disagree on the direction, so the
    number that travels is made in one place, :func:`broker_priority`.
    """

    RESERVED = 0  # the engine room's own, never an app's
    HIGHEST = 1
    HIGH = 3
    NORMAL = 5
    LOW = 7
    LOWEST = 9

    @classmethod
    def check(cls, number: int) -> None:
        """Check that every broker can be told this number.

        Raises:
            ValueError: when it is not one of the ten.
        """
        if not cls.RESERVED <= number <= cls.LOWEST:
            raise ValueError(
                f"A priority is a number from 0 (first) to {HIGHEST_BROKER_PRIORITY} (last), not {number}."
            )


def broker_priority(priority: int, *, broker_url: str) -> int:
    """Return the number that means ``priority`` to this broker.

    Redis serves 0 first, RabbitMQ serves the highest number first. The mapping is its own inverse.

    https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities
    """
    if broker_url.startswith(("amqp", "pyamqp")):
        return HIGHEST_BROKER_PRIORITY - priority
    return priority
