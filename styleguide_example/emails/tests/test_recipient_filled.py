"""What the migration does to e-mails that were written before there was a ``recipient``."""

from importlib import import_module

import pytest
from django.apps import apps

from styleguide_example.emails.models import Email
from styleguide_example.emails.tests.factories import EmailFactory, emails_left_behind

pytestmark = pytest.mark.django_db

MIGRATION = import_module("styleguide_example.emails.migrations.0005_recipient_filled_and_indexed")


class TestRecipientsFill:
    def test_fills_what_is_empty_in_any_number_of_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MIGRATION, "BATCH", 4)
        kept = EmailFactory.create(to=["kept@example.org"])
        named, broken, *rest = emails_left_behind(10)
        Email.objects.filter(pk=named.pk).update(to=["Ada L. <Ada@Bücher.example>", "bob@example.org"])
        Email.objects.filter(pk=broken.pk).update(to=[])

        MIGRATION.recipients_fill(apps, None)

        found = dict(Email.objects.values_list("pk", "recipient"))
        assert found[kept.pk] == "kept@example.org"
        assert found[named.pk] == "ada@xn--bcher-kva.example"
        assert found[broken.pk] == ""
        assert [found[email.pk] for email in rest] == [email.to[0] for email in rest]
