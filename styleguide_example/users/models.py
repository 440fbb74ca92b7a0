"""The person."""

import zoneinfo
from functools import cache
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from styleguide_example.common.models import BaseModel

# Line breaks could become a header, and the others change what is read without being seen (Unicode TR 36, 2.10.2).
one_readable_line = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    message="Please use letters, spaces and punctuation only, on one line.",
    code="control_characters",
    inverse_match=True,
)


@cache
def time_zone_names() -> frozenset[str]:
    """Return all names of the IANA time zone database of this machine. Kept, because asking opens hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


def time_zone_known(name: str) -> None:
    """Refuse a name that is not in the IANA time zone database of this machine."""
    if name not in time_zone_names():
        raise ValidationError("Please choose a place from the list.", code="unknown_time_zone")


class UserManager(BaseUserManager["User"]):
    """Finds people by address however it is written, and creates them for Django's own commands.

    Our code creates people with ``services.user_create``.
    """

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this address, in any case. Raises ``User.DoesNotExist``."""
        return self.get(email=self.model.normalize_username(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a new person. Without a password nobody can sign in until one is chosen.

        Raises:
            django.core.exceptions.ValidationError: when a field is not valid.
            django.db.IntegrityError: when the address is taken.
        """
        user = self.model(email=self.model.normalize_username(email), **fields)
        user.set_password(password)
        # Uniqueness is left to the constraint: asking first would only make the race harder to see.
        user.full_clean(validate_unique=False, validate_constraints=False)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a new administrator. Whoever may run commands here vouches for the address."""
        fields = {"is_staff": True, "is_superuser": True, "email_confirmed_at": timezone.now(), **fields}
        return self.create_user(email, password, **fields)


class User(BaseModel, AbstractBaseUser, PermissionsMixin):
    """A person, known by an e-mail address.

    The address counts as theirs once ``email_confirmed_at`` is set: until then anybody could have typed it.
    """

    email = models.EmailField(
        "e-mail address",
        max_length=254,  # RFC 5321 4.5.3.1.3, with its erratum 1690
        unique=True,
        help_text="Stored in lower case.",
        error_messages={"unique": "A person with this e-mail address exists."},
    )
    full_name = models.CharField("name", max_length=150, blank=True, validators=[one_readable_line])
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[time_zone_known], help_text="A name of the IANA database."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switch this off instead of deleting somebody: they cannot sign in any more."
    )
    is_staff = models.BooleanField("staff", default=False, help_text="May open the admin.")
    email_confirmed_at = models.DateTimeField("address confirmed at", null=True, blank=True)
    onboarding_completed_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
            models.CheckConstraint(
                condition=Q(onboarding_completed_at__isnull=True) | Q(email_confirmed_at__isnull=False),
                name="user_onboarded_is_confirmed",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Return the address in the one form that is stored: NFKC, trimmed, lower case."""
        return super().normalize_username(username).strip().lower()

    @property
    def is_email_confirmed(self) -> bool:
        """Whether somebody followed the link that went to this address."""
        return self.email_confirmed_at is not None

    @property
    def is_onboarded(self) -> bool:
        """Whether onboarding is complete."""
        return self.onboarding_completed_at is not None

    def get_full_name(self) -> str:
        """For Django's admin, which greets by it."""
        return self.full_name

    def get_short_name(self) -> str:
        """For Django's admin, which greets by it."""
        return self.full_name or self.email
