import time, pytest
from datetime import timedelta
from django_celery_beat.models import PeriodicTask
from django.db import connection
from django.test.utils import CaptureQueriesContext
from styleguide_example.tasks.tests.admins import *
from styleguide_example.tasks.tests.beats import schedule_make
from styleguide_example.tasks.timing import *
@pytest.mark.django_db
@pytest.mark.parametrize("n",[1000,10000])
@pytest.mark.parametrize("line",["0 * * * *","* 1-22 * * *","*/20 * * * *"])
def test_m(client,n,line):
    client.force_login(person_make("view_periodictask"))
    c=schedule_make("a",Cron(line,"Europe/Paris")).crontab
    PeriodicTask.objects.bulk_create([PeriodicTask(name=f"x{i}",task="styleguide_example.emails.tasks.email_sweep",crontab=c) for i in range(n)])
    for url in (DAY,LIST):
        t=time.time()
        with CaptureQueriesContext(connection) as q: r=client.get(url)
        print("M",n,line,url[-20:],"s",round(time.time()-t,2),"q",len(q),"KiB",len(r.content)//1024)
