"""How long to wait before the next attempt, as a pure function."""

import random
from collections.abc import Callable


def backoff_seconds(
    attempt: int, *, base: float, maximum: float, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """Return the seconds to wait after failed ``attempt`` (the first is 1): exponential, with full jitter.

    Full jitter spreads the attempts of many rows that failed together, so that they do not come back together:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    exponent = min(attempt - 1, 32)  # past that the maximum has long been reached, and floats end
    return uniform(0, min(maximum, base * 2**exponent))
