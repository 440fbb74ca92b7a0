import pytest

from styleguide_example.common.paginators import CappedPaginator
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import emails_left_behind

pytestmark = [pytest.mark.once, pytest.mark.django_db]


class TestCount:
    @pytest.mark.parametrize(("rows", "said", "pages"), [(200, "200", 100), (201, "more than 200", 100)])
    def test_says_where_it_was_given_up(self, rows: int, said: str, pages: int) -> None:
        emails_left_behind(rows)
        paginator = CappedPaginator(Email.objects.order_by("pk"), 2)
        assert (str(paginator.count), paginator.num_pages) == (said, pages)
