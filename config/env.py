"""The one place where the environment is read. What does not fit is refused, by name and with what to write."""

import builtins
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import ClassVar, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
Number = TypeVar("Number", int, float)

_FALSE = ("false", "off", "no", "n", "0")
#: Of a value that is shown in an error: enough to find the mistake.
_SHOWN_LENGTH = 50


class Environment(environ.Env):  # type: ignore[misc]  # the library has no types
    """django-environ, but strict: the library takes each unknown word for False, and "5 minutes" for 5.0.

    A variable that is set to nothing counts as one that is not set. What one must be otherwise is said in an
    ``ImproperlyConfigured``, so that a deployment with a mistake does not start instead of doing something else.
    """

    #: The names that were asked for. Whoever looks for variables that nobody reads needs the others.
    asked: ClassVar[set[builtins.str]] = set()

    def str(self, var: builtins.str, default: builtins.str, *, choices: Collection[builtins.str] = ()) -> builtins.str:
        """Return the text; with ``choices`` only one of them."""
        self.asked.add(var)
        text = builtins.str(self.get_value(var, default=default)) or default
        if choices and text not in choices:
            raise _refused(var, text, f"write one of {', '.join(choices)}")
        return text

    def list(self, var: builtins.str, default: builtins.list[builtins.str]) -> builtins.list[builtins.str]:
        """Return what stands between commas, without the blanks around it."""
        return [part.strip() for part in self.str(var, default="").split(",") if part.strip()] or default

    def bool(self, var: builtins.str, default: builtins.bool) -> builtins.bool:
        """Return whether it is one of the words for yes, and not one of those for no."""
        words = {**dict.fromkeys(self.BOOLEAN_TRUE_STRINGS, True), **dict.fromkeys(_FALSE, False)}
        return self._read(var, lambda text: words[text.strip().lower()], default, what="True or False")

    def int(
        self,
        var: builtins.str,
        default: builtins.int,
        *,
        at_least: builtins.int = 0,
        at_most: builtins.float = math.inf,
    ) -> builtins.int:
        """Return a whole number between the two, which may be it."""
        number = self._read(var, builtins.int, default, what=f"a whole number, as in {default}")
        return _within(var, number, at_least, at_most)

    def float(
        self,
        var: builtins.str,
        default: builtins.float,
        *,
        at_least: builtins.float = 0,
        at_most: builtins.float = math.inf,
    ) -> builtins.float:
        """Return a number between the two, which may be it."""
        number = self._read(var, _finite, default, what=f"a number, as in {default}")
        return _within(var, number, at_least, at_most)

    def _read(self, var: builtins.str, read: Callable[[builtins.str], T], default: T, *, what: builtins.str) -> T:
        text = self.str(var, default="")
        if not text:
            return default
        try:
            return read(text)
        except (ValueError, KeyError):
            raise _refused(var, text, f"write {what}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _within(var: str, number: Number, at_least: float, at_most: float) -> Number:
    if number < at_least:
        raise _refused(var, str(number), f"write {at_least} or more")
    if number > at_most:
        raise _refused(var, str(number), f"write {at_most} or less")
    return number


def _refused(var: str, text: str, advice: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{var} is {text[:_SHOWN_LENGTH]!r}: {advice}. .env.example says what it is for.")


env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

_file = env.str("ENV_FILE", default="")
if _file and not Path(_file).exists():
    raise ImproperlyConfigured(f"ENV_FILE is {_file!r}, and there is no such file: write where it is, or unset it.")
# A file is a convenience for one's own machine; a variable that is really set wins.
# https://django-environ.readthedocs.io/en/latest/quickstart.html
ENV_PATH = Path(_file or BASE_DIR / ".env")
env.read_env(str(ENV_PATH))

#: Where the embedded profile keeps its database, its broker's socket and its caught mail.
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
