"""How many people a rule means now, and how many of them would be skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from styleguide_example.announcements.audiences import audience_get
from styleguide_example.emails.models import Suppression


@dataclass(frozen=True)
class Reach:
    """People, and those of them who get nothing because they unsubscribed or their address is refused."""

    people: int
    suppressed: int

    @property
    def written_to(self) -> int:
        """How many e-mails would be written, if every address can be written to."""
        return self.people - self.suppressed


def audience_reach(*, audience: str, parameters: Mapping[str, Any]) -> Reach:
    """Return whom the rule reaches at this moment. One query.

    Raises:
        AnnouncementAudienceError: when there is no such rule.
        django.core.exceptions.ValidationError: when the parameters do not fit it.
    """
    people = audience_get(audience).people(parameters, as_of=timezone.now())
    # Both sides are stored in lower case.
    is_suppressed = Exists(Suppression.objects.filter(address=OuterRef("email")))
    return Reach(**people.aggregate(people=Count("pk"), suppressed=Count("pk", filter=is_suppressed)))
