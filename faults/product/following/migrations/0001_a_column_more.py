"""A column and an index more in the table through which all e-mails go: what a deploy may do while they flow."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """The former release, which goes on meanwhile, knows nothing of the column: it may be empty."""

    dependencies: ClassVar = [("emails", "__latest__")]
    operations: ClassVar = [
        migrations.RunSQL("ALTER TABLE emails_email ADD COLUMN faults_campaign integer NULL"),
        migrations.RunSQL("CREATE INDEX faults_campaign ON emails_email (faults_campaign)"),
    ]
