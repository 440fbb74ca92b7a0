"""The board in the admin: a page, and its part that progress.js renews. Its buttons are actions of the list."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from styleguide_example.jobs.actions import JobActions
from styleguide_example.jobs.board import RUNNING_SHOWN, board_read

#: How often the page is renewed, in seconds: while something is under way, and while nothing is.
EVERY, EVERY_IDLE = 5, 20


class JobBoard(JobActions):
    """For whoever may see jobs. To cancel and to retry is the permission of those actions."""

    def get_urls(self) -> list[URLPattern]:
        """Ours first: Django's last one takes everything."""
        view = self.admin_site.admin_view
        return [
            path("board/", view(require_GET(self.board_view)), name="jobs_job_board"),
            path("board/live/", view(require_GET(self.board_live_view)), name="jobs_job_board_live"),
            *super().get_urls(),
        ]

    def board_view(self, request: HttpRequest) -> HttpResponse:
        """What runs, waits and ended within the hour. Writes nothing."""
        return self._board(request, "board.html")

    def board_live_view(self, request: HttpRequest) -> HttpResponse:
        """The same without the page around it."""
        return self._board(request, "board_live.html")

    def _board(self, request: HttpRequest, template: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        board = board_read()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "Jobs board",
            "board": board,
            "every": EVERY if board.is_live else EVERY_IDLE,
            "running_shown": RUNNING_SHOWN,
            "may_act": self.has_act_permission(request),
        }
        return TemplateResponse(request, f"jobs/admin/{template}", context)
