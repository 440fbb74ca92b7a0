"""People in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from styleguide_example.users.forms import UserAddForm
from styleguide_example.users.models import User
from styleguide_example.users.services import user_create

_PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")
_FACTS = ("email", "email_confirmed_at", "onboarding_completed_at", "last_login", "created_at", "updated_at")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # a generic in the stubs only
    """Find, add and switch off people.

    Who is not a superuser can neither give privileges nor touch somebody who has some: with ``change_user`` alone one
    could otherwise become a superuser, or set the password of one.
    """

    add_form = UserAddForm
    list_display = ("email", "full_name", "is_active", "is_staff", "email_confirmed_at", "onboarding_completed_at")
    list_filter = (
        "is_active",
        "is_staff",
        ("email_confirmed_at", admin.EmptyFieldListFilter),
        ("onboarding_completed_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email", "full_name")
    search_help_text = "A part of the address or the name."
    ordering = ("-pk",)
    show_full_result_count = False  # counting millions of rows takes longer than the search
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("About", {"fields": ("full_name", "language", "time_zone")}),
        ("Permissions", {"fields": ("is_active", *_PRIVILEGES)}),
        ("What happened", {"fields": _FACTS[1:]}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Under its name."""
        return super().changelist_view(request, {"title": "Users", **(extra_context or {})})

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """An address is confirmed or not: changing it here would carry the confirmation over to another one."""
        if obj is None:
            return ()
        return _FACTS if _is_superuser(request) else (*_FACTS, *_PRIVILEGES)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Also guards setting a password."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Also guards deleting a selection."""
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to a person goes with them, such as tokens, which nobody may delete by themselves."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed & {User._meta.verbose_name}, protected

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: ModelForm[User],
        change: bool,  # noqa: FBT001  Django calls it so
    ) -> None:
        """Add through the service; of a change, save only what was changed: the person may be onboarding right now."""
        if change:
            changed = [name for name in form.changed_data if not User._meta.get_field(name).many_to_many]
            obj.save(update_fields=[*changed, "updated_at"])
            return
        data: dict[str, Any] = form.cleaned_data
        password = data["password1"] if data["set_usable_password"] else None
        obj.pk = user_create(email=data["email"], password=password, full_name=data["full_name"]).pk


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """For superusers: whoever could change a group that they are in could give themselves every permission."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A permission for groups is not enough."""
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A permission for groups is not enough."""
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """A permission for groups is not enough."""
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_superuser


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    return person is None or not (person.is_staff or person.is_superuser) or _is_superuser(request)
