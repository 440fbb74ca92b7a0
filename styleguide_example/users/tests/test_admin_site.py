"""What every page of the admin has in common."""

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from styleguide_example.users.tests.factories import user_staff

pytestmark = pytest.mark.django_db


class TestAdminSite:
    @pytest.mark.parametrize(
        ("address", "title"),
        [
            ("/admin/", "Site administration"),
            ("/admin/users/user/", "Users"),
            ("/admin/users/user/add/", "Add user"),
            ("/admin/api/apitoken/", "API tokens"),
            ("/admin/jobs/job/", "Jobs"),
            ("/admin/jobs/pause/", "Pause, resume, purge"),
            ("/admin/jobs/controlentry/", "Audit entries"),
            ("/admin/password_change/", "Password change"),
        ],
    )
    def test_has_an_icon_and_the_products_name(self, client: Client, address: str, title: str) -> None:
        client.force_login(user_staff(is_superuser=True))
        page = html.document_fromstring(client.get(address).content.decode())
        assert page.findtext(".//title").strip() == f"{title} | Fieldnote administration"
        (icon,) = page.xpath("//link[@rel='icon']/@href")
        assert finders.find(icon.removeprefix("/static/"))
        assert page.xpath("normalize-space(//*[@id='site-name'])") == "Fieldnote administration"
