from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries

from styleguide_example.common.services import model_update
from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import EmailFactory

pytestmark = pytest.mark.django_db


class TestModelUpdate:
    def test_saves_the_fields_that_the_data_names(self) -> None:
        email = EmailFactory.create(subject="Old", category="a")

        email, changed = model_update(instance=email, fields=["subject", "category"], data={"subject": "New"})

        assert changed
        email.refresh_from_db()
        assert (email.subject, email.category) == ("New", "a")

    def test_leaves_alone_what_is_not_among_the_fields(self) -> None:
        email = EmailFactory.create(subject="Old", category="a")

        model_update(instance=email, fields=["subject"], data={"subject": "New", "category": "b"})

        email.refresh_from_db()
        assert email.category == "a"

    def test_does_not_overwrite_what_another_process_changed_meanwhile(self) -> None:
        email = EmailFactory.create(subject="Old", category="a")
        Email.objects.update(category="theirs")

        model_update(instance=email, fields=["subject", "category"], data={"subject": "New", "category": "a"})

        email.refresh_from_db()
        assert (email.subject, email.category) == ("New", "theirs")

    def test_moves_the_time_of_the_last_save(self) -> None:
        email = EmailFactory.create()
        before = email.updated_at - timedelta(hours=1)
        Email.objects.update(updated_at=before)

        model_update(instance=email, fields=["subject"], data={"subject": "New"})

        email.refresh_from_db()
        assert email.updated_at > before

    def test_writes_nothing_when_nothing_changed(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        email = EmailFactory.create(subject="Old")

        with django_assert_num_queries(0):
            _, changed = model_update(instance=email, fields=["subject"], data={"subject": "Old"})

        assert not changed

    def test_saves_nothing_that_is_not_valid(self) -> None:
        email = EmailFactory.create(subject="Old")

        with pytest.raises(ValidationError, match="priority"):
            model_update(instance=email, fields=["subject", "priority"], data={"subject": "New", "priority": 4})

        email.refresh_from_db()
        assert email.subject == "Old"
