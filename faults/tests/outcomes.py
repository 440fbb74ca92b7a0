"""Lines of a run that nobody has to wait for."""

from faults.edges import Count
from faults.profiles import EMBEDDED
from faults.running import Line
from faults.scenario import Outcome, Run, Scenario


def _nothing(run: Run) -> Outcome:
    """Somebody trips over the cable."""
    raise NotImplementedError


SCENARIO = Scenario(key="T1", title="The cable", load="ten e-mails", body=_nothing)


def line(outcome: Outcome, *, profile: str = EMBEDDED) -> Line:
    """What became of the scenario."""
    return Line(SCENARIO, profile, outcome, seconds=12.34)


def line_held(*, profile: str = EMBEDDED) -> Line:
    """All is well."""
    return line(Outcome(Count(asked=10), recovered_seconds=1.25, recovered_at_most=5), profile=profile)


def line_lost(number: int) -> Line:
    """Some were lost."""
    return line(Outcome(Count(asked=10, lost=number)))
