"""Who took an e-mail, how long the server had it, and what it is found by. At once on PostgreSQL, however many rows
there are; SQLite copies the table, so its workers are stopped first.

Workers of the former release write rows without these columns: each is empty, or has a default in the database. (No
``PositiveIntegerField``: its check would read every row under a lock.)
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('emails', '0003_servers_and_limits'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='sendingpace',
            options={'verbose_name': 'pace of sending', 'verbose_name_plural': 'paces of sending'},
        ),
        migrations.AddField(
            model_name='email',
            name='claimed_at',
            field=models.DateTimeField(blank=True, help_text='When a worker took it last.', null=True),
        ),
        migrations.AddField(
            model_name='email',
            name='recipient',
            field=models.CharField(blank=True, db_default='', default='', help_text='The first of its addresses, bare and in lower case: what a search looks for.', max_length=320),
        ),
        migrations.AddField(
            model_name='email',
            name='task_id',
            field=models.CharField(blank=True, db_default='', default='', help_text='In which task that was: its lines in the log have this id.', max_length=255),
        ),
        migrations.AddField(
            model_name='email',
            name='took_ms',
            field=models.IntegerField(blank=True, help_text='Milliseconds of the conversation in which the server took it.', null=True),
        ),
        migrations.AddField(
            model_name='email',
            name='worker',
            field=models.CharField(blank=True, db_default='', default='', help_text='Who took it last.', max_length=255),
        ),
        migrations.AddField(
            model_name='emailattempt',
            name='took_ms',
            field=models.IntegerField(blank=True, help_text='Milliseconds of the conversation, or of the way to it.', null=True),
        ),
        migrations.AlterField(
            model_name='suppression',
            name='reason',
            field=models.CharField(choices=[('unsubscribed', 'Its reader unsubscribed'), ('bounced', 'The mail server refused it for good'), ('by_hand', 'Somebody of the staff added it')], max_length=16),
        ),
    ]
