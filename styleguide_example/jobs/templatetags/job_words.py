"""What a template says about a job; the words themselves are in ``words``."""

from django import template

from styleguide_example.jobs import selectors, words
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.selectors import Chain

register = template.Library()


@register.filter
def shown(job: Job) -> words.Shown:
    """Return the job as a person reads it: ``{% with shown=job|shown %}``."""
    return words.job_shown(job)


@register.filter
def timeline(job: Job) -> list[words.Event]:
    """Return what happened to the job, in order."""
    return words.job_timeline(job)


@register.filter
def parameters_line(job: Job) -> str:
    """Return the job's parameters in one short line."""
    return words.parameters_line(job.parameters)


@register.filter
def kind_title(name: str) -> str:
    """Return what people call the kind."""
    return selectors.kind_title(name)


@register.filter
def waits(chain: Chain, again: str) -> str:
    """Return what becomes of the steps that wait for one that stopped: ``{{ chain|waits:"Try again" }}``."""
    return words.chain_words(chain, again=again)


@register.filter
def result_rows(job: Job) -> list[tuple[str, str]]:
    """Return the job's result line by line, as name and value."""
    return words.result_rows(job.result)
