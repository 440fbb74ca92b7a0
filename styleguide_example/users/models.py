"""The person."""

import zoneinfo
from functools import cache
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.encoding import punycode
from django.utils.translation import gettext_lazy as _

from styleguide_example.common.models import BaseModel
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.emails.services import address_check
from styleguide_example.users.languages import language_choices

_DOMAIN_MAX_LENGTH = 253  # RFC 1035 2.3.4, written with dots

# Line breaks could become a header, and the others change what is read without being seen (Unicode TR 36, 2.10.2).
one_readable_line = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    message=_("Please use letters, spaces and punctuation only, on one line."),
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
        raise ValidationError(_("Please choose a place from the list."), code="unknown_time_zone")


def address_reachable(address: str) -> None:
    """Refuse an address that e-mail cannot be sent to, or that it would reach at another domain than the one typed."""
    address = User.normalize_username(address)
    local, domain = address.rpartition("@")[::2]
    if local.startswith('"'):
        raise ValidationError(_("Enter an address that has no quotation marks before the @."), code="quoted")
    if not domain.isascii():
        raise ValidationError(
            _(
                "Our e-mail might reach somebody else, or nobody: the part after the @ holds a letter or an invisible "
                "character that is changed on the way. Type it anew, write it in the form that begins with xn--, or "
                "use another address."
            ),
            code="domain",
        )
    try:
        validate_email(address)
        address_check(address)
    except (ValidationError, ConflictError) as error:
        raise ValidationError(_("Enter an e-mail address like name@example.com."), code="invalid") from error


class UserManager(BaseUserManager["User"]):
    """Finds people by address however it is written, and creates them for Django's own commands.

    Our code creates people with ``services.user_create``.
    """

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this address, however it is written. Raises ``User.DoesNotExist``."""
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
        validators=[address_reachable],
        help_text="Stored in lower case.",
        error_messages={"unique": "A person with this e-mail address exists."},
    )
    full_name = models.CharField("name", max_length=150, blank=True, validators=[one_readable_line])
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[time_zone_known], help_text="A name of the IANA database."
    )
    language = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",  # processes of the former release go on writing people while a deploy is under way
        choices=language_choices,
        help_text="Of pages and e-mails. Empty: pages as the browser says, e-mails in English.",
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
        """Return the address in the one form that is stored: NFKC, trimmed, lower case, its domain in ASCII (xn--).

        A domain that has no such form keeps its letters, so that it is never taken for another; nobody is stored so.
        """
        local, at, domain = super().normalize_username(username).strip().lower().rpartition("@")
        return f"{local}{at}{_domain_in_ascii(domain)}"

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


def _domain_in_ascii(domain: str) -> str:
    """Return the form that e-mail is sent to, or ``domain`` as it is where that would be another domain, or none.

    Django's mail speaks IDNA 2003, which drops invisible characters and turns faß.de into fass.de (RFC 3490 4, RFC 3454
    B.1 and B.2): only what comes back the same was meant.
    """
    if domain.isascii() or len(domain) > _DOMAIN_MAX_LENGTH:  # the conversion of megabytes would take seconds
        return domain
    try:
        converted = punycode(domain)
        return converted if converted.encode("ascii").decode("idna") == domain else domain
    except UnicodeError:
        return domain
