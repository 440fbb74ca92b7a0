"""Fill ``recipient`` and build the indexes of a search while workers go on writing: nothing here locks the table.

The rows are filled a thousand at a time, each thousand committed by itself, before the index is there; ten million take
some minutes. Killed half-way it is applied again: what is filled stays. Rows that workers of the former release write
meanwhile, and those that one is recording, keep an empty ``recipient``: they are found by id and Message-ID, until the clean-up deletes them.
"""

from typing import Any

from django.db import migrations, models, transaction

from styleguide_example.emails.mime import recipient_key

BATCH = 1000


class AddIndexMeanwhile(migrations.AddIndex):
    """On PostgreSQL without keeping anybody from writing; SQLite has one writer anyhow.

    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    One that was killed leaves an index that is not valid: it is dropped and built anew.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            schema_editor.add_index(model, self.index)
            return
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
        schema_editor.add_index(model, self.index, concurrently=True)


def recipients_fill(apps: Any, schema_editor: Any) -> None:
    emails = apps.get_model("emails", "Email").objects
    last = 0
    while keys := list(emails.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        first, last = last, keys[-1]
        empty = emails.filter(pk__gt=first, pk__lte=last, recipient="").only("to", "recipient")
        # What a worker is recording at this moment stays empty: to wait for it might be to wait for each other.
        with transaction.atomic():
            rows = list(empty.select_for_update(skip_locked=True, no_key=True))
            for row in rows:
                row.recipient = recipient_key(row.to)
            emails.bulk_update(rows, ["recipient"], batch_size=BATCH // 4)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("emails", "0004_worker_and_recipient"),
    ]

    operations = [
        migrations.RunPython(recipients_fill, migrations.RunPython.noop, elidable=True),
        AddIndexMeanwhile(
            model_name="email",
            index=models.Index(
                fields=["recipient"], condition=models.Q(lease_token__isnull=True), name="email_recipient"
            ),
        ),
        AddIndexMeanwhile(
            model_name="email",
            index=models.Index(
                fields=["message_id"], condition=models.Q(lease_token__isnull=True), name="email_message_id"
            ),
        ),
        AddIndexMeanwhile(
            model_name="email",
            index=models.Index(fields=["ended_at"], condition=models.Q(status="failed"), name="email_failed"),
        ),
        AddIndexMeanwhile(
            model_name="emailattempt",
            index=models.Index(fields=["ended_at"], name="email_attempt_ended"),
        ),
    ]
