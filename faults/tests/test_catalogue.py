"""Every fault that this kind of system is known for has its scenario."""

import re

import pytest

from faults.scenario import scenarios_found
from faults.scenarios.strangers import tampered

#: E-mails, schedules, jobs, deploys, access: ``docs/decisions/0010-faults-on-purpose.md``.
CATALOGUE = [
    *(f"E{number}" for number in range(1, 16)),
    *(f"S{number}" for number in range(1, 7)),
    *(f"J{number}" for number in range(1, 5)),
    "D1",
    *(f"X{number}" for number in range(1, 4)),
]


@pytest.mark.parametrize("fault", CATALOGUE)
def test_has_a_scenario(fault: str) -> None:
    assert [each.key for each in scenarios_found() if re.fullmatch(f"{fault}[a-z]?", each.key)]


@pytest.mark.parametrize(
    "text", ["/confirm/MQ/abc-0123456789/", "/unsubscribe/1.1.Qwerty_0123-9/", "sge_0123456789abc"]
)
def test_a_forged_link_differs_from_the_true_one_in_one_letter_of_its_last_part(text: str) -> None:
    forged = list(tampered(text))
    assert len(forged) >= 2
    for each in forged:
        (at,) = [number for number, (ours, theirs) in enumerate(zip(text, each, strict=True)) if ours != theirs]
        assert at > text.rstrip("/").rfind("/")
