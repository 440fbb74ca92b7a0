"""``manage.py doctor``: is all of it well, and what to do about what is not."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from styleguide_example.common.commands import AnsweringCommand, format_argument, seconds_read
from styleguide_example.operations.doctor.checkup import CHECKS, Check, checks_chosen, checkup
from styleguide_example.operations.doctor.findings import Finding, Severity, counted

_SYMBOLS = {Severity.OK: "✓", Severity.SKIPPED: "-", Severity.WARNING: "!", Severity.ERROR: "✕"}
_WIDTH, _INDENT = 80, 12


class Command(AnsweringCommand):
    """Asks each check, and prints what it found as soon as it has."""

    help = (
        "Ask everything that can be ill: database, migrations, clocks, broker, workers (a job is sent and must come "
        "back), beat, schedules, mail servers, settings. Changes nothing, sends no e-mail."
    )
    epilog = f"""
examples:
  manage.py doctor
  manage.py doctor --only workers --timeout 30
  manage.py doctor --skip workers --format json

checks, in their order:
  {", ".join(check.name for check in CHECKS[:7])},
  {", ".join(check.name for check in CHECKS[7:])}

exit codes: 0 nothing is wrong; 1 there is an error (or a warning, with
--fail-level warning); 2 wrong arguments.
"""
    #: They are among what is asked, and must not keep the others from being asked.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        names = [check.name for check in CHECKS]
        chosen: dict[str, Any] = {"action": "append", "choices": names, "default": [], "metavar": "CHECK"}
        parser.add_argument("--only", help="Make this check alone; may be repeated.", **chosen)
        parser.add_argument("--skip", help="Leave this check out; may be repeated.", **chosen)
        parser.add_argument(
            "--timeout",
            type=seconds_read,
            default=10,
            metavar="SECONDS",
            help="How long each check may take, and the workers have to take the canary (default: 10).",
        )
        parser.add_argument(
            "--fail-level",
            choices=[Severity.WARNING.value, Severity.ERROR.value],
            default=Severity.ERROR.value,
            help="Exit with 1 from this on (default: error).",
        )
        format_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, print, and exit by the worst finding."""
        checks = checks_chosen(only=options["only"], skip=options["skip"])
        is_text = options["format"] == "text"
        findings: list[Finding] = []
        for check, found in checkup(checks, seconds=options["timeout"]):
            findings += found
            if is_text:
                self._print(check, found)
        counts = Counter(finding.severity for finding in findings)
        if is_text:
            self.stdout.write(f"\n{_summary(counts)}")
        else:
            self.stdout.write(json.dumps(_document(findings, counts), indent=2, ensure_ascii=False))
        if _worst(findings).rank >= Severity(options["fail_level"]).rank:
            sys.exit(1)

    def _print(self, check: Check, found: Iterable[Finding]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(check.title))
        for finding in found:
            head, *rest = wrap(finding.title, _WIDTH - _INDENT, break_long_words=False)
            sign = f"  {_SYMBOLS[finding.severity]} {finding.severity:<{_INDENT - 4}}"
            self.stdout.write(f"{self._coloured(finding.severity, sign)}{head}")
            self._print_indented(rest)
            self._print_indented(wrap(finding.meaning, _WIDTH - _INDENT, break_long_words=False))
            if finding.advice:
                self._print_indented(
                    wrap(f"Do: {finding.advice}", _WIDTH - _INDENT, break_long_words=False, subsequent_indent="    ")
                )
        self.stdout.flush()

    def _print_indented(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(f"{'':{_INDENT}}{line}")

    def _coloured(self, severity: Severity, text: str) -> str:
        style: Any = self.style  # its colours are made at run time
        names = {Severity.OK: "SUCCESS", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}
        return str(getattr(style, names[severity])(text)) if severity in names else text


def _worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), key=lambda severity: severity.rank, default=Severity.OK)


def _summary(counts: Counter[Severity]) -> str:
    if not counts[Severity.ERROR] and not counts[Severity.WARNING]:
        return "All is well."
    said = f"{counted(counts[Severity.ERROR], 'error')}, {counted(counts[Severity.WARNING], 'warning')}."
    return f"{said} docs/runbook.md tells more." if counts[Severity.ERROR] else said


def _document(findings: list[Finding], counts: Counter[Severity]) -> dict[str, Any]:
    return {
        "status": _worst(finding for finding in findings if finding.severity is not Severity.SKIPPED).value,
        "checked_at": timezone.now().isoformat(),
        "counts": {severity.value: counts[severity] for severity in Severity},
        "findings": [finding.as_json() for finding in findings],
    }
