"""Django's own log of the admin, kept in step with our events: *History* and *Recent actions* name what actions did."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest

from sessions_core.batches import BATCH, batches
from sessions_core.console.console_permissions import operator
from sessions_core.db.transactions import atomic
from sessions_core.models import Event
from sessions_core.models.events import collect_recorded

__all__ = ["log_event", "logged", "logged_afterwards", "page_of_type"]

LONGEST_NAME = 200


@contextmanager
def logged(request: HttpRequest, page: admin.ModelAdmin) -> Iterator[None]:
    """Make the changes inside in one transaction, which also logs each object that the operator changed."""
    with atomic(), logged_afterwards(request, page):
        yield


@contextmanager
def logged_afterwards(request: HttpRequest, page: admin.ModelAdmin) -> Iterator[None]:
    """Do the same for changes that make their own transactions, because they take long."""
    with collect_recorded() as ids:
        yield
    _log_events(request, page, ids)


def _log_events(request: HttpRequest, page: admin.ModelAdmin, ids: Collection[int]) -> None:
    """Write a log entry for each of these events by the operator, with the id of the event."""
    events = defaultdict(list)
    for some in batches(ids):
        for event in Event.objects.filter(pk__in=some, actor=operator(request)).order_by("pk"):
            events[event.type.partition(".")[0]].append(event)
    for alike in events.values():
        if other := page_of_type(page.admin_site, alike[0].type):
            _log(request, other, alike)


def log_event(request: HttpRequest, page: admin.ModelAdmin, event: Event) -> None:
    """Write one log entry for an event, whatever else the operator changes with it. ``page`` is that of its subject."""
    _log(request, page, [event])


def page_of_type(site: admin.AdminSite, type: str) -> Any | None:
    """Return the page of the objects that events of this type are about, or None."""
    kind = type.partition(".")[0].replace("_", "")
    pages: Any = site._registry.values()
    return next((each for each in pages if hasattr(each, "subject_field") and each.opts.model_name == kind), None)


def _log(request: HttpRequest, page: Any, events: list[Event]) -> None:
    field, rows = page.subject_field, page.model._default_manager
    objects = {
        str(getattr(each, field)): each
        for subjects in batches({event.subject for event in events})
        for each in rows.filter(**{f"{field}__in": subjects})
    }
    user_id: Any = request.user.pk
    content_type = ContentType.objects.get_for_model(page.model, for_concrete_model=False)
    entries = [
        LogEntry(
            user_id=user_id,
            content_type_id=content_type.pk,
            object_id=str(changed.pk),
            object_repr=str(changed)[:LONGEST_NAME],
            action_flag=CHANGE,
            change_message=f"{event.type} (event {event.pk})",
        )
        for event in events
        if (changed := objects.get(event.subject))
    ]
    LogEntry.objects.bulk_create(entries, batch_size=BATCH)
