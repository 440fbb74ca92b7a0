from datetime import timedelta

import pytest
from django.utils import timezone

from styleguide_example.api.cleanup import api_cleanup
from styleguide_example.api.models import ApiToken, IdempotentRequest
from styleguide_example.api.tests.clients import token_client
from styleguide_example.users.tests.factories import user_onboarded

pytestmark = pytest.mark.django_db


class TestApiCleanup:
    def test_forgets_answers_after_a_day(self) -> None:
        user = user_onboarded()
        for key, hours in (("old", 25), ("older", 90), ("new", 23)):
            created_at = timezone.now() - timedelta(hours=hours)
            IdempotentRequest.objects.create(user=user, key=key, created_at=created_at)

        assert api_cleanup(batch_size=1) == 2

        assert [row.key for row in IdempotentRequest.objects.all()] == ["new"]

    def test_keeps_tokens_for_a_while_after_their_end(self) -> None:
        now = timezone.now()
        ends = {
            "expired long ago": {"expires_at": now - timedelta(days=91)},
            "revoked long ago": {"revoked_at": now - timedelta(days=91)},
            "expired": {"expires_at": now - timedelta(days=89)},
            "revoked": {"revoked_at": now - timedelta(days=89)},
            "valid": {},
        }
        user = user_onboarded()
        for name, columns in ends.items():
            token_client(user, name=name, **columns)

        assert api_cleanup() == 2

        assert {token.name for token in ApiToken.objects.all()} == {"expired", "revoked", "valid"}
