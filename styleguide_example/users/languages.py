"""Which language a page speaks, and how a browser remembers it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers


def language_choices() -> list[tuple[str, str]]:
    """Return the languages of the product, as code and name. Asked for each time: a new one needs no migration."""
    return list(settings.LANGUAGES)


def language_of(request: HttpRequest) -> str:
    """Return the page's language: what the person chose, else what the browser remembers, else what it asks for."""
    chosen = getattr(request.user, "language", "")
    return chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)


def language_remember(response: HttpResponse, language: str) -> None:
    """Let the browser ask for this language from now on, also when nobody is signed in."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )


class LanguageMiddleware:
    """Answers each request in its language, and leaves the thread's own as it was.

    In the place of Django's ``LocaleMiddleware``, which knows nothing of people and leaves its language behind: the
    next thing that this thread does may be no request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and say in which language. Below ``ENGLISH_PATHS`` nobody is asked which one they want."""
        if request.path_info.startswith(settings.ENGLISH_PATHS):
            return self._answer(request, "en")
        response = self._answer(request, language_of(request))
        patch_vary_headers(response, ["Accept-Language"])
        return response

    def _answer(self, request: HttpRequest, language: str) -> HttpResponseBase:
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self._get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response
