"""Who works with Fieldnote."""

from datetime import timedelta

from django.utils import timezone

from styleguide_example.users.models import User
from styleguide_example.users.tests.factories import UserFactory, user_onboarded

ADMIN = "Ada Lovelace"
NAMES = (
    ADMIN,
    "Grace Hopper",
    "Katherine Johnson",
    "Noor Inayat",
    "Alan Turing",
    "Mary Jackson",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Radia Perlman",
    "Donald Knuth",
    "Margaret Hamilton",
    "Tim Lee",
)
#: So many more who read announcements.
READERS = 180


def people_make() -> list[User]:
    """Everybody, the admin first; and somebody who has not come further than the sign-up page."""
    people = [user_onboarded(full_name=name, email=address_of(name), time_zone="Europe/Berlin") for name in NAMES]
    User.objects.filter(pk=people[0].pk).update(is_staff=True, is_superuser=True)
    User.objects.filter(pk=people[1].pk).update(is_staff=True)
    now = timezone.now()
    readers = [
        User(email=f"reader-{number}@example.org", full_name="A reader", email_confirmed_at=now)
        for number in range(READERS)
    ]
    User.objects.bulk_create(readers)
    UserFactory.create(email=address_of("Vint Cerf"))
    for number, person in enumerate(people):
        User.objects.filter(pk=person.pk).update(created_at=now - timedelta(days=40 - 3 * number))
    return [User.objects.get(pk=person.pk) for person in people]


def address_of(name: str) -> str:
    """``grace@example.com``."""
    return f"{name.partition(' ')[0].lower()}@example.com"
