"""The styleguide's pattern: the benchmark's row, service, task and Celery app, and a page.

https://github.com/HackSoftware/Django-Styleguide-Example
"""
