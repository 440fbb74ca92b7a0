"""Every way in which work begins: a job of a kind, a call of any task, a batch, a chain."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from styleguide_example.common.wakeups import WakeUpTask
from styleguide_example.jobs import batches
from styleguide_example.jobs.chains import steps_after
from styleguide_example.jobs.dispatch import Dispatched, Options, Step, call_key, kind_key
from styleguide_example.jobs.enums import AtOnce, OnDuplicate, Outcome
from styleguide_example.jobs.exceptions import JobAlreadyActiveError, JobNotAllowedError
from styleguide_example.jobs.kinds import JobKind, job_kind_get
from styleguide_example.jobs.models import Job
from styleguide_example.jobs.sweeping import job_free
from styleguide_example.jobs.writing import Draft, job_write, parameters_check_size

AT_ONCE = Options()


def job_start(
    *, kind: str, parameters: Mapping[str, Any] | None = None, owner: Any = None, options: Options = AT_ONCE
) -> Job:
    """Write a job in the caller's transaction, and wake a worker after the commit. Its id is known at once.

    Without an ``owner`` it is the system's own: nobody is asked for permission, and nobody is told how it ended.

    Raises:
        JobKindUnknownError: when no kind has that name.
        JobNotAllowedError: when the owner may not start this kind.
        JobParametersInvalidError: with messages by field.
        JobAlreadyActiveError: when as many as may be of this kind are active; it names the one. A holder whose worker
            died, or that was not begun in time, is ended first and does not count.
        ValueError: for options that belong to :func:`job_dispatch`, whose outcome has more than one case.
    """
    _check_one_outcome(options)
    return job_dispatch(kind=kind, parameters=parameters, owner=owner, options=options).job


def job_dispatch(
    *, kind: str, parameters: Mapping[str, Any] | None = None, owner: Any = None, options: Options = AT_ONCE
) -> Dispatched:
    """Do what :func:`job_start` does, and say what became of it: queued, skipped or debounced."""
    declared = job_kind_get(kind)
    may_start_check(declared, owner)
    checked = declared.parameters_checked(parameters or {})
    return dispatch_write(_kind_draft(declared, checked, owner, options), options)


def task_dispatch(
    task: WakeUpTask, *, kwargs: Mapping[str, Any] | None = None, options: Options = AT_ONCE, owner: Any = None
) -> Dispatched:
    """Write a call of any task as a row, and wake a worker after the commit; the outcome says what became of it.

    The arguments travel in the message too: ids, no secrets. Its worker dies: it is begun again if the task is declared
    with ``may_resume=True``, and else ends in FAILURE.

    Raises:
        JobAlreadyActiveError: for a duplicate that ``options.once`` refuses.
        TypeError: for an argument that the task does not take.
        ValueError: for one that is not JSON; it names the argument.
    """
    arguments = dict(kwargs or {})
    checked: Any = task  # `__header__` is made by Celery's decorator
    checked.__header__(**arguments)
    _check_json(task.name, arguments)
    draft = Draft(
        kind=task.name,
        task=task.name,
        parameters=arguments,
        owner_id=getattr(owner, "pk", None),
        priority=task.default_priority if options.priority is None else options.priority,
        queue=options.queue or "",
        wait_seconds=options.wait_seconds(has_owner=owner is not None),
        timeout_seconds=options.timeout_seconds,
        **_keys(task.name, arguments, options),
    )
    return dispatch_write(draft, options)


@transaction.atomic
def job_batch_start(
    *, kind: str, children: Iterable[Mapping[str, Any]], owner: Any = None, options: Options = AT_ONCE
) -> Job:
    """Write a parent and one job of ``kind`` for each of ``children``. Returns the parent, which counts how they end.

    One that fails never stops the others. At most ``JOB_BATCH_WINDOW`` of them are in the broker or at work at once.
    The parameters are read lazily and written in chunks, all in one transaction.

    Raises:
        JobKindUnknownError, JobNotAllowedError, JobParametersInvalidError: nothing is written then.
        ValueError: when there are no children, for a kind of which not many may be active, and for options that a batch
            does not heed: it begins at once, and is no duplicate of another.
    """
    if options.once or options.debounce_seconds or options.delay_seconds:
        raise ValueError("A batch begins at once, and every time it is started: leave once, debounce and delay away.")
    declared = job_kind_get(kind)
    if declared.at_once is not AtOnce.ANY:
        raise ValueError(f"{kind} runs {declared.at_once.name} at a time; a batch needs a kind whose at_once is ANY.")
    may_start_check(declared, owner)
    checked = (declared.parameters_checked(parameters) for parameters in children)
    return batch_write(declared, checked, owner_id=getattr(owner, "pk", None), options=options)


@transaction.atomic
def job_chain_start(*, steps: Sequence[Step], owner: Any = None, options: Options = AT_ONCE) -> Job:
    """Start the first of ``steps``; the row of each other one is written when the former succeeds. Returns the first.

    All have the priority of the first. A step that another job is doing already waits for that one. After a failure
    the rest waits for :func:`job_retry`.

    Raises:
        JobAlreadyActiveError: when the first step is under way. And what :func:`job_start` raises, for any step.
        ValueError: when there are no steps, and for options whose outcome has more than one case.
    """
    if not steps:
        raise ValueError("A chain has at least one step.")
    _check_one_outcome(options)
    kinds = [job_kind_get(step.kind) for step in steps]
    for kind in kinds:
        may_start_check(kind, owner)
    checked = [kind.parameters_checked(step.parameters) for kind, step in zip(kinds, steps, strict=True)]
    for parameters in checked:
        parameters_check_size(parameters)
    chain_id = uuid.uuid4()
    relations = {"chain_id": chain_id, "chain_position": 1}
    job = dispatch_write(_kind_draft(kinds[0], checked[0], owner, options, **relations), options).job
    rest = [{"kind": kind.name, "parameters": parameters} for kind, parameters in zip(kinds, checked, strict=True)]
    steps_after(job, steps=rest[1:], chain_id=chain_id, position=2)
    return job


def may_start_check(kind: JobKind, person: Any) -> None:
    """Check that the person may start this kind; the system itself (None) may.

    Raises:
        JobNotAllowedError: when they may not.
    """
    if person is not None and not kind.may_start(person):
        raise JobNotAllowedError(f"You may not start jobs of the kind {kind.name}.")


def dispatch_write(draft: Draft, options: Options) -> Dispatched:
    """Write the row; a holder of its key that is dead is ended first."""
    try:
        return job_write(draft)
    except JobAlreadyActiveError as error:
        holder = Job.objects.filter(pk=error.job_id).first()
        if holder is not None and job_free(holder):
            return job_write(draft)
        if holder is not None and options.once and options.once.on_duplicate is OnDuplicate.SKIP:
            return Dispatched(holder, Outcome.SKIPPED)
        raise


def batch_write(
    kind: JobKind, children: Iterable[Mapping[str, Any]], *, owner_id: Any, options: Options, **columns: Any
) -> Job:
    """Write a batch whose children's parameters are checked already.

    Raises:
        ValueError: when there are no children.
    """
    draft = Draft(
        kind=kind.name,
        task=kind.task.name,
        parameters={},
        owner_id=owner_id,
        priority=kind.priority if options.priority is None else options.priority,
        queue=options.queue or kind.queue,
        timeout_seconds=options.timeout_seconds or kind.timeout_seconds,
    )
    parent = Job.objects.create(
        kind=kind.name,
        task=kind.task.name,
        is_batch=True,
        owner_id=owner_id,
        priority=draft.priority,
        queue=draft.queue,
        timeout_seconds=draft.timeout_seconds,
        **columns,
    )
    total = batches.children_write(parent, draft=draft, children=children)
    if not total:
        raise ValueError("A batch has at least one child.")
    Job.objects.filter(pk=parent.pk).update(children_total=total, progress_total=total)
    parent.refresh_from_db()
    return parent


def _check_json(name: str, arguments: Mapping[str, Any]) -> None:
    for argument, value in arguments.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"{name}: the argument {argument!r} is not JSON ({error}). Send an id, or a text."
            raise ValueError(message) from None


def _check_one_outcome(options: Options) -> None:
    if options.debounce_seconds or (options.once and options.once.on_duplicate is OnDuplicate.SKIP):
        raise ValueError("What became of a call that may be skipped or debounced tells job_dispatch.")


def _kind_draft(kind: JobKind, parameters: dict[str, Any], owner: Any, options: Options, **relations: Any) -> Draft:
    owner_id = getattr(owner, "pk", None)
    keys = _keys(kind.name, parameters, options)
    own_key = kind_key(kind, parameters=parameters, owner_id=owner_id)
    return Draft(
        kind=kind.name,
        task=kind.task.name,
        parameters=parameters,
        owner_id=owner_id,
        priority=kind.priority if options.priority is None else options.priority,
        queue=options.queue or kind.queue,
        wait_seconds=options.wait_seconds(has_owner=owner is not None),
        timeout_seconds=options.timeout_seconds or kind.timeout_seconds,
        relations=relations,
        **{**keys, "once_key": own_key or keys["once_key"]},
    )


def _keys(name: str, parameters: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The columns of the draft that decide about duplicates."""
    once = options.once
    key = call_key(name, parameters=parameters, keys=once.keys if once else ())
    return {
        "once_key": key if once and not options.debounce_seconds else None,
        "debounce_key": key if options.debounce_seconds else None,
        "expires_seconds": once.timeout_seconds if once else None,
    }
