"""Somebody who sends as fast as a gate lets him. ``python -m`` this: prints when, on the clock of the machine."""

import sys
import time
import uuid

import django


def moments(seconds: float, *domains: str) -> list[float]:
    """Send for so long, and return when each message went."""
    from styleguide_example.emails.limits import Gate  # noqa: PLC0415  `python -m` prepares Django first

    gate = Gate(uuid.uuid4())
    sent = []
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        at = gate.admit("default", domains)
        if at is None:
            sent.append(now)
            gate.ended("default", domains)
        else:
            time.sleep(min(gate.seconds_until(at), max(0.0, end - now)))
    gate.close()
    return sent


if __name__ == "__main__":
    django.setup()
    print("sent at", *moments(float(sys.argv[1]), *sys.argv[2:]))  # noqa: T201  it is what the test reads
