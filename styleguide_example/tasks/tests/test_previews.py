from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from styleguide_example.tasks.previews import PREVIEW_RUNS, preview_make
from styleguide_example.tasks.timing import Cron, Every, Once

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


class TestPreviewMake:
    def test_shows_the_next_runs_on_the_clock_of_the_line(self) -> None:
        preview = preview_make(Cron("30 3 * * *", "Europe/Paris"), now=NOON, viewer_zone=UTC_ZONE)
        assert [f"{run.at:%d %H:%M}" for run in preview.runs] == [f"{day} 03:30" for day in (28, 29, 30, 31)] + [
            "01 03:30"
        ]
        assert len(preview.runs) == PREVIEW_RUNS
        assert (preview.zone, preview.viewer_zone) == ("Europe/Paris", "UTC")

    def test_marks_the_clock_change_before_the_run_that_it_moves(self) -> None:
        preview = preview_make(Cron("30 2 * * *", "Europe/Paris"), now=NOON, viewer_zone=UTC_ZONE)
        assert [[str(change) for change in run.changes] for run in preview.runs] == [
            [],
            ["clocks go forward from 02:00 to 03:00 on 29 Mar"],
            [],
            [],
            [],
        ]
        assert f"{preview.runs[1].at:%H:%M}" == "03:00"

    def test_marks_the_clock_that_goes_back(self) -> None:
        preview = preview_make(
            Cron("0 3 * * *", "Europe/Paris"), now=datetime(2026, 10, 24, 12, tzinfo=UTC), viewer_zone=UTC_ZONE
        )
        assert [str(change) for change in preview.runs[0].changes] == ["clocks go back from 03:00 to 02:00 on 25 Oct"]

    def test_shows_an_interval_on_the_clock_of_the_viewer(self) -> None:
        preview = preview_make(Every(timedelta(hours=1)), now=NOON, viewer_zone=ZoneInfo("Asia/Kolkata"))
        assert preview.zone == "Asia/Kolkata"
        assert f"{preview.runs[0].at:%H:%M}" == "18:30"

    def test_shows_one_run_of_what_runs_once_and_none_of_what_has_passed(self) -> None:
        later, before = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
        assert [run.at for run in preview_make(Once(later), now=NOON, viewer_zone=UTC_ZONE).runs] == [later]
        assert preview_make(Once(before), now=NOON, viewer_zone=UTC_ZONE).runs == []

    def test_warns_of_what_is_seldom_meant(self) -> None:
        preview = preview_make(Cron("* 3 * * *"), now=NOON, viewer_zone=UTC_ZONE)
        assert "every minute" in preview.warnings[0]
