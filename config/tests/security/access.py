"""Who gets which answer at which address. A new address has no line here, and fails the test until it is given one."""

from dataclasses import dataclass

#: Instead of a status: led to the page to sign in.
SIGN_IN = "in"


@dataclass(frozen=True)
class Line:
    """The answers to GET for nobody, for another person, for staff without permission, and for whom it is meant.

    To POST those of the first three: it is nothing to them, so nothing may change either.
    """

    get: tuple[str, ...]
    post: tuple[str, ...]


def _lines(get: str, post: str, *routes: str) -> dict[str, Line]:
    return dict.fromkeys(routes, Line(tuple(get.split()), tuple(post.split())))


ACCESS: dict[str, Line] = {
    # Open to everybody.
    **_lines(
        "200 200 200 200",
        "405 405 405",
        "",
        "sign-up/sent/",
        "health/live",
        "health/ready",
    ),
    **_lines(
        "200 200 200 200",
        "200 200 200",
        "sign-up/",
        "confirm/<str:uidb64>/<str:token>/",
    ),
    **_lines(
        "200 302 302 302",
        "200 302 302",
        "sign-in/",
    ),
    **_lines(
        "405 405 405 405",
        "302 302 302",
        "sign-out/",
    ),
    # Refused without the Origin of a page of ours.
    **_lines(
        "405 405 405 405",
        "403 403 403",
        "language/",
    ),
    **_lines(
        "in 302 200 302",
        "in 302 200",
        "onboarding/",
    ),
    **_lines(
        "in 200 302 200",
        "in 405 302",
        "home/",
    ),
    **_lines(
        "in 403 in in",
        "405 405 405",
        "admin/login/",
    ),
    # For whoever is signed in: their own rows alone.
    **_lines(
        "in 200 200 200",
        "in 405 405",
        "jobs/",
        "notifications/",
        "api/docs/",
    ),
    **_lines(
        "in 404 404 200",
        "in 405 405",
        "jobs/<uuid:job_id>/",
        "jobs/<uuid:job_id>/progress/",
    ),
    **_lines(
        "in 404 404 302",
        "in 404 404",
        "jobs/<uuid:job_id>/cancel/",
    ),
    **_lines(
        "in 405 405 405",
        "in 404 404",
        "jobs/<uuid:job_id>/retry/",
        "notifications/<int:notification_id>/read/",
    ),
    **_lines(
        "in 405 405 405",
        "in 302 302",
        "notifications/read/",
        "notifications/settings/",
    ),
    **_lines(
        "200 200 200 200",
        "400 400 400",
        "unsubscribe/<str:token>/",
    ),
    # The admin: what every member of the staff may see.
    **_lines(
        "in in 200 200",
        "in in 200",
        "admin/",
        "admin/password_change/",
    ),
    **_lines(
        "302 302 405 405",
        "302 302 302",
        "admin/logout/",
    ),
    **_lines(
        "in in 200 200",
        "in in 405",
        "admin/password_change/done/",
        "admin/jsi18n/",
    ),
    **_lines(
        "in in 403 403",
        "in in 405",
        "admin/autocomplete/",
    ),
    **_lines(
        "in in 404 404",
        "in in 404",
        "admin/r/<path:content_type_id>/<path:object_id>/",
        "admin/<anything>",
    ),
    # The admin: for those who hold the permission.
    **_lines(
        "in in 403 200",
        "in in 403",
        "admin/auth/group/",
        "admin/auth/group/add/",
        "admin/auth/group/<path:object_id>/history/",
        "admin/auth/group/<path:object_id>/delete/",
        "admin/auth/group/<path:object_id>/change/",
        "admin/users/user/<id>/password/",
        "admin/users/user/",
        "admin/users/user/add/",
        "admin/users/user/<path:object_id>/history/",
        "admin/users/user/<path:object_id>/delete/",
        "admin/users/user/<path:object_id>/change/",
        "admin/api/apitoken/",
        "admin/api/apitoken/add/",
        "admin/api/apitoken/<path:object_id>/history/",
        "admin/api/apitoken/<path:object_id>/change/",
        "admin/emails/email/",
        "admin/emails/email/<path:object_id>/history/",
        "admin/emails/email/<path:object_id>/change/",
        "admin/emails/suppression/",
        "admin/emails/suppression/add/",
        "admin/emails/sendingpace/",
        "admin/emails/sendingpace/<path:object_id>/history/",
        "admin/emails/sendingpace/<path:object_id>/change/",
        "admin/emails/suppression/<path:object_id>/history/",
        "admin/emails/suppression/<path:object_id>/delete/",
        "admin/emails/suppression/<path:object_id>/change/",
        "admin/jobs/job/<uuid:key>/progress/",
        "admin/jobs/job/",
        "admin/jobs/job/<path:object_id>/history/",
        "admin/jobs/job/<path:object_id>/change/",
        "admin/jobs/pause/",
        "admin/jobs/controlentry/",
        "admin/jobs/controlentry/<path:object_id>/history/",
        "admin/jobs/controlentry/<path:object_id>/change/",
        "admin/announcements/announcement/",
        "admin/announcements/announcement/add/",
        "admin/announcements/announcement/<path:object_id>/history/",
        "admin/announcements/announcement/<path:object_id>/change/",
        "admin/django_celery_beat/periodictask/preview/",
        "admin/django_celery_beat/periodictask/drift/",
        "admin/django_celery_beat/periodictask/next-24-hours/",
        "admin/django_celery_beat/periodictask/",
        "admin/django_celery_beat/periodictask/add/",
        "admin/django_celery_beat/periodictask/<path:object_id>/history/",
        "admin/django_celery_beat/periodictask/<path:object_id>/delete/",
        "admin/django_celery_beat/periodictask/<path:object_id>/change/",
        "admin/tasks/schedulerun/",
        "admin/tasks/schedulerun/<path:object_id>/history/",
        "admin/tasks/schedulerun/<path:object_id>/change/",
    ),
    **_lines(
        "in in 302 302",
        "in in 302",
        "admin/auth/group/<path:object_id>/",
        "admin/users/user/<path:object_id>/",
        "admin/api/apitoken/<path:object_id>/",
        "admin/emails/email/<path:object_id>/",
        "admin/emails/suppression/<path:object_id>/",
        "admin/emails/sendingpace/<path:object_id>/",
        "admin/jobs/job/<path:object_id>/",
        "admin/jobs/controlentry/<path:object_id>/",
        "admin/announcements/announcement/<path:object_id>/",
        "admin/django_celery_beat/periodictask/<path:object_id>/",
        "admin/tasks/schedulerun/<path:object_id>/",
    ),
    # The admin: what nobody does by hand.
    **_lines(
        "in in 403 403",
        "in in 403",
        "admin/api/apitoken/<path:object_id>/delete/",
        "admin/emails/email/add/",
        "admin/emails/email/<path:object_id>/delete/",
        "admin/emails/sendingpace/add/",
        "admin/emails/sendingpace/<path:object_id>/delete/",
        "admin/jobs/job/add/",
        "admin/jobs/job/<path:object_id>/delete/",
        "admin/jobs/controlentry/add/",
        "admin/jobs/controlentry/<path:object_id>/delete/",
        "admin/announcements/announcement/<path:object_id>/delete/",
        "admin/tasks/schedulerun/add/",
        "admin/tasks/schedulerun/<path:object_id>/delete/",
    ),
    **_lines(
        "in in 403 405",
        "in in 403",
        "admin/emails/email/act/",
        "admin/jobs/pause/pause/",
        "admin/jobs/pause/resume/",
        "admin/jobs/pause/purge/",
        "admin/django_celery_beat/periodictask/<int:key>/enabled/",
        "admin/django_celery_beat/periodictask/<int:key>/run/",
    ),
    **_lines(
        "in in 405 405",
        "in in 403",
        "admin/announcements/announcement/preview/",
        "admin/announcements/announcement/<int:key>/test/",
        "admin/emails/email/template-tests/<path:template>/",
        "admin/announcements/announcement/<int:key>/cancel/",
        "admin/announcements/announcement/<int:key>/resume/",
    ),
    **_lines(
        "in in 403 200",
        "in in 405",
        "admin/emails/email/templates/",
        "admin/emails/email/templates/<path:template>/",
        "admin/emails/email/template-frames/<path:template>/",
        "admin/emails/email/<int:key>/letter/",
        "admin/emails/email/<int:key>/attachments/<int:number>/",
        "admin/dashboard/",
        "admin/announcements/announcement/<int:key>/look/",
        "admin/announcements/announcement/<int:key>/letter/",
        "admin/announcements/announcement/<int:key>/progress/",
        "admin/announcements/announcement/<int:key>/progress/<int:page>/",
        "admin/jobs/job/board/",
        "admin/jobs/job/board/live/",
    ),
    **_lines(
        "in in 403 302",
        "in in 403",
        "admin/announcements/announcement/<int:key>/send/",
    ),
    **_lines(
        "in in 404 200",
        "in in 404",
        "admin/<app_label>/",
    ),
    # The API.
    **_lines(
        "401 200 200 200",
        "401 405 405",
        "api/jobs/",
        "api/jobs/kinds/",
        "api/",
        "api/schema/",
    ),
    **_lines(
        "401 404 404 200",
        "401 405 405",
        "api/jobs/<uuid:job_id>/",
    ),
    **_lines(
        "401 405 405 405",
        "401 404 404",
        "api/jobs/<uuid:job_id>/cancel/",
        "api/jobs/<uuid:job_id>/retry/",
    ),
    **_lines(
        "401 405 405 405",
        "401 202 202",
        "api/jobs/<slug:kind>/",
    ),
    # For machines that send the token of the settings: without one it is not there.
    **_lines(
        "404 404 404 404",
        "404 404 404",
        "metrics",
    ),
    # For developers: not there without DEBUG.
    **_lines(
        "404 404 404 404",
        "404 404 404",
        "mailbox/",
        "mailbox/pulse/",
        "mailbox/errors/",
        "mailbox/selected/",
        "mailbox/delete-all/",
        "mailbox/<str:key>/",
        "mailbox/<str:key>/html/",
        "mailbox/<str:key>/source/",
        "mailbox/<str:key>/attachments/<int:number>/",
        "mailbox/<str:key>/pictures/<int:number>/",
        "mailbox/<str:key>/delete/",
    ),
}
