"""Pages: each reads what a person sent, makes one call, and shows what to do next."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from django.apps import apps
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timesince import timesince
from django.utils.translation import get_language
from django.views import View
from django.views.csrf import csrf_failure
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView
from django.views.generic.base import ContextMixin

from styleguide_example.common.rate_limits import client_address, rate_limit_hit
from styleguide_example.core.exceptions import ConflictError
from styleguide_example.users.forms import (
    ChoosePasswordForm,
    LanguageForm,
    NameForm,
    SignInForm,
    SignUpForm,
    TimeZoneForm,
)
from styleguide_example.users.languages import language_remember
from styleguide_example.users.models import User
from styleguide_example.users.services import user_complete_onboarding, user_confirm_email, user_sign_up, user_update
from styleguide_example.users.tokens import user_from_link

logger = structlog.get_logger(__name__)


def _too_many(request: HttpRequest, *, scope: str) -> HttpResponse:
    """The answer over a limit. Names the whole window: waiting that long is always enough."""
    logger.warning("rate_limit_reached", scope=scope)
    seconds = settings.RATE_LIMIT_WINDOW_SECONDS
    now = timezone.now()
    context = {"wait": timesince(now, now + timedelta(seconds=seconds))}
    response = render(request, "users/too_many.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(seconds)
    return response


def _link_gone(request: HttpRequest) -> HttpResponse:
    """The answer to a link that is forged, used or too old: one answer, so that it does not tell which."""
    return render(request, "users/link_gone.html", status=HTTPStatus.GONE)


class DevelopmentLinksMixin(ContextMixin):
    """Where mail and admin are to be found on a developer's machine. Production does not install the app."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the links, or nothing."""
        links = {}
        if apps.is_installed("styleguide_example.embedded"):
            links = {"mailbox_url": reverse("embedded:mailbox"), "admin_url": reverse("admin:index")}
        return super().get_context_data(**links, **kwargs)


class LandingView(DevelopmentLinksMixin, TemplateView):
    """What the product is, and the way in."""

    template_name = "users/landing.html"


# Without a CSRF token: the form is on every page, where a token would send each stranger a cookie, and tell answers
# apart that must be equal byte for byte. What allows it is the Origin: browsers send it with every POST, and no page
# can forge it.
# https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
@method_decorator(csrf_exempt, name="dispatch")
class LanguageView(View):
    """The choice at the foot of each page: remembered by the browser, and for the person who is signed in."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Go back to the page in that language. One that we do not speak changes nothing."""
        ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
        if request.headers.get("Origin", "") not in ours:
            return csrf_failure(request, reason="The Origin is not ours.")
        response = HttpResponseRedirect(_where_from(request))
        form = LanguageForm(request.POST)
        if form.is_valid():
            language_remember(response, form.cleaned_data["language"])
            if request.user.is_authenticated:
                user_update(user=request.user, data=form.cleaned_data)
        return response


def _where_from(request: HttpRequest) -> str:
    """Return the page of ours that was left by a link or a form; the landing page where it is not known."""
    here = request.headers.get("Referer", "")
    hosts = {request.get_host(), *(urlsplit(origin).netloc for origin in settings.CSRF_TRUSTED_ORIGINS)}
    is_ours = url_has_allowed_host_and_scheme(here, hosts, require_https=request.is_secure())
    # The page that says that the choice was refused stands at this very address, which only takes choices.
    return here if is_ours and urlsplit(here).path != request.path else reverse("users:landing")


class SignUpView(FormView):  # type: ignore[type-arg]  # a generic in the stubs only
    """Asks for an address and answers every one of them in the same way."""

    template_name = "users/sign_up.html"
    form_class = SignUpForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the client first, whatever it sent."""
        limit = settings.RATE_LIMIT_SIGN_UPS_PER_CLIENT
        if not rate_limit_hit(scope="sign-up-client", subject=client_address(request), limit=limit):
            return _too_many(request, scope="sign-up-client")
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        """Count the address before anything is looked up, so that the limit does not tell whether it is known."""
        email = form.cleaned_data["email"]
        limit = settings.RATE_LIMIT_SIGN_UPS_PER_ADDRESS
        if not rate_limit_hit(scope="sign-up-address", subject=email, limit=limit):
            return _too_many(self.request, scope="sign-up-address")
        user_sign_up(email=email, language=get_language() or "")
        return redirect("users:sign-up-sent")


class SignUpSentView(DevelopmentLinksMixin, TemplateView):
    """We wrote to you: the same page for everybody."""

    template_name = "users/sign_up_sent.html"


# Not `no-referrer`: browsers then send `Origin: null` with the form, which CSRF protection refuses. `same-origin`,
# Django's default, keeps the link from other sites (https://docs.djangoproject.com/en/5.2/ref/middleware/#referrer-policy).
@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class ConfirmView(FormView):  # type: ignore[type-arg]  # a generic in the stubs only
    """Behind the link in the e-mail: reading it changes nothing (mail scanners do), choosing a password uses it up."""

    template_name = "users/confirm.html"
    form_class = ChoosePasswordForm
    user: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find out whose link it is."""
        user = user_from_link(uidb64=kwargs["uidb64"], token=kwargs["token"])
        if user is None:
            return _link_gone(request)
        self.user = user
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """A password may not resemble the person's address or name."""
        return {**super().get_form_kwargs(), "user": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Named so, because ``user`` in a template is the one who is signed in."""
        return super().get_context_data(person=self.user, **kwargs)

    def form_valid(self, form: ChoosePasswordForm) -> HttpResponse:
        """Confirm, sign in with a new session, and go on."""
        try:
            user = user_confirm_email(user=self.user, password=form.cleaned_data["new_password1"])
        except ConflictError:
            return _link_gone(self.request)
        login(self.request, user)
        return redirect("users:onboarding")


class SignInView(LoginView):
    """Django's own, with limits on attempts."""

    template_name = "users/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count before the password is looked at: attempts that arrive at once count as well.

        An address has few attempts for each client and many for all of them: a stranger who guesses locks the owner out
        nowhere else, and one client alone never uses up what all have.
        """
        client, email = client_address(request), User.normalize_username(request.POST.get("username", ""))
        limits = [
            ("sign-in-client", client, settings.RATE_LIMIT_SIGN_INS_PER_CLIENT),
            ("sign-in-address", f"{email} {client}", settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS),
            ("sign-in-address-anywhere", email, settings.RATE_LIMIT_SIGN_INS_PER_ADDRESS_ANYWHERE),
        ]
        for scope, subject, limit in limits:
            if not rate_limit_hit(scope=scope, subject=subject, limit=limit):
                return _too_many(request, scope=scope)
        return super().post(request, *args, **kwargs)

    def get_redirect_url(self) -> str:  # type: ignore[override]  # the stubs know an argument that Django does not
        """Ignore a destination that is this very page: Django answers it with an error, a redirection loop."""
        destination = super().get_redirect_url()
        return "" if urlsplit(destination).path == self.request.path else destination


class AdminSignInView(View):
    """Sends staff to the one sign-in page, because the admin's own would not count attempts."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Raises ``PermissionDenied`` for somebody who is signed in: signing in again would not help."""
        destination = request.GET.get("next", reverse("admin:index"))
        if request.user.is_authenticated and not request.user.is_staff:
            raise PermissionDenied
        return redirect_to_login(destination)


@method_decorator(never_cache, name="dispatch")
class OnboardingView(LoginRequiredMixin, FormView):  # type: ignore[type-arg]  # a generic in the stubs only
    """Two short steps. Where somebody stands is read from what they have answered, so leaving and coming back works."""

    template_name = "users/onboarding.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Only for those who have it before them."""
        if request.user.is_authenticated and request.user.is_onboarded:
            return redirect("users:home")
        if request.user.is_authenticated and not request.user.is_email_confirmed:
            return render(request, "users/unconfirmed.html", status=HTTPStatus.FORBIDDEN)
        return super().dispatch(request, *args, **kwargs)

    @property
    def step(self) -> int:
        """The second step once there is a name, unless the first one is asked for."""
        return 1 if self.request.GET.get("step") == "1" or not self.person.full_name else 2

    @property
    def person(self) -> User:
        """The one who is signed in: ``LoginRequiredMixin`` has made sure."""
        return cast("User", self.request.user)

    def get_form_class(self) -> type[Form]:
        """One form a step."""
        return NameForm if self.step == 1 else TimeZoneForm

    def get_initial(self) -> dict[str, Any]:
        """What was answered before."""
        return {"full_name": self.person.full_name, "time_zone": self.person.time_zone}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """For the progress line and the form's address."""
        return super().get_context_data(step=self.step, **kwargs)

    def form_valid(self, form: Form) -> HttpResponse:
        """Save the answer; after the last one onboarding is complete."""
        step = self.step
        user = user_update(user=self.person, data=form.cleaned_data)
        if step == 1:
            return redirect("users:onboarding")
        user_complete_onboarding(user=user)
        return redirect("users:home")


@method_decorator(never_cache, name="dispatch")
class HomeView(LoginRequiredMixin, TemplateView):
    """Where somebody who is set begins."""

    template_name = "users/home.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Onboarding comes first."""
        if request.user.is_authenticated and not request.user.is_onboarded:
            return redirect("users:onboarding")
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """For the clock in the person's own zone."""
        return super().get_context_data(now=timezone.now(), **kwargs)
