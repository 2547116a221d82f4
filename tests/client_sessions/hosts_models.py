"""Models of hosts: every kind of primary key, manager and registration. They belong to no installed app."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import CompositePrimaryKey, Count, F, Window
from django.db.models.functions import Lower, RowNumber

from sessions_core.models import Workspace


class Registry(Apps):
    @cache  # which Django clears  # noqa: B019
    def get_models(self, *_: bool, **__: bool) -> list[type[models.Model]]:
        return list(self.all_models["hosts"].values())


REGISTRY = Registry()
# Foreign keys of these models find it, but it gets no reverse relations.
REGISTRY.all_models["sessions_core"]["workspace"] = Workspace

APP = {"app_label": "hosts", "apps": REGISTRY}


class Row(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40, default="one")

    class Meta:
        abstract = True
        app_label = "hosts"
        apps = REGISTRY


def model(name: str, *bases: type[models.Model], meta: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Return a model with this name and these fields; its base is ``Row`` unless given."""
    options = type("Meta", (), APP | (meta or {}))
    return type(name, bases or (Row,), {"__module__": __name__, "Meta": options, **fields})


class Spelled(models.CharField):
    """A field that stores another value than it returns, like the fields of some packages."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else super().get_prep_value(value)[::-1]

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return value[::-1]


# Supported kinds of primary key, with two spellings of one id.
KEYS: dict[str, tuple[Any, str, str]] = {
    "big auto": (models.BigAutoField(primary_key=True), "7", "007"),
    "auto": (models.AutoField(primary_key=True), "7", " 7"),
    "small": (models.PositiveSmallIntegerField(primary_key=True), "7", "+7"),
    "uuid": (
        models.UUIDField(primary_key=True),
        "0123456789abcdef0123456789abcdef",
        "01234567-89AB-CDEF-0123-456789ABCDEF",
    ),
    "text": (models.TextField(primary_key=True), "Züri West", "Züri West"),
    "slug": (models.SlugField(primary_key=True), "zueri-west", "zueri-west"),
    "e-mail": (models.EmailField(primary_key=True), "a@example.com", "a@example.com"),
}
KEYED = {
    kind: model(f"Keyed{kind.title().replace('-', '').replace(' ', '')}", id=key) for kind, (key, *_) in KEYS.items()
}

# Unsupported kinds of primary key.
UNGRANTABLE = {
    "Decimal": models.DecimalField(primary_key=True, max_digits=6, decimal_places=2),
    "Float": models.FloatField(primary_key=True),
    "Date": models.DateField(primary_key=True),
    "DateTime": models.DateTimeField(primary_key=True),
    "Duration": models.DurationField(primary_key=True),
    "Boolean": models.BooleanField(primary_key=True),
    "Binary": models.BinaryField(primary_key=True),
    "JSON": models.JSONField(primary_key=True),
    "GenericIPAddress": models.GenericIPAddressField(primary_key=True),
    "Spelled": Spelled(primary_key=True, max_length=40),
}
REFUSED_KEYS = {kind: model(f"Refused{kind}", id=key) for kind, key in UNGRANTABLE.items()}

# Kinds of registration.
Site = model("Site")
Building = model("Building", site=models.ForeignKey(Site, models.CASCADE, null=True))
Door = model("Door", building=models.ForeignKey(Building, models.SET_NULL, null=True))
Gate = model("Gate", Door, width=models.IntegerField(default=1))  # multi-table inheritance
Badge = model("Badge", doors=models.ManyToManyField(Door, related_name="badges"))
Old = model("Old", meta={"managed": False, "db_table": "hosts_old"})
Abstract = model("Abstract", meta={"abstract": True})
Proxy = model("Proxy", Door, meta={"proxy": True})
Pair = model("Pair", number=models.IntegerField(), pk=CompositePrimaryKey("workspace", "number"))

Shape = Callable[[models.QuerySet[Any]], models.QuerySet[Any]]

# What default managers do to the rows.
SHAPES: dict[str, Shape] = {
    "plain": lambda rows: rows,
    "annotating": lambda rows: rows.annotate(siblings=Count("parent__children")),
    "numbering": lambda rows: rows.annotate(number=Window(RowNumber(), order_by="name")),
    "joining": lambda rows: rows.select_related("parent"),
    "distinct": lambda rows: rows.distinct(),
    "excluding": lambda rows: rows.exclude(name="hidden"),
    "filtering": lambda rows: rows.filter(parent__name=None),
    "ordering": lambda rows: rows.order_by(Lower("name"), F("parent__name").desc(nulls_last=True)),
    "deferring": lambda rows: rows.only("name"),
    "naming": lambda rows: rows.annotate(every_row=F("name"), count=F("name")),
}
UNFILTERABLE: dict[str, Shape] = {
    "a union": lambda rows: rows.union(rows),
    "a slice": lambda rows: rows[:5],
}


def shaped(name: str, shape: Shape) -> Any:
    class Manager(models.Manager):  # type: ignore[type-arg]
        def get_queryset(self) -> models.QuerySet[Any]:
            return shape(super().get_queryset())

    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    return model(name.title().replace(" ", ""), parent=parent, objects=Manager(), every=models.Manager())


SHAPED = {name: shaped(name, shape) for name, shape in SHAPES.items()}
REFUSED_SHAPES = {name: shaped(name, shape) for name, shape in UNFILTERABLE.items()}

TABLES = [*KEYED.values(), Site, Building, Door, Gate, Badge, *SHAPED.values()]


@contextmanager
def tables() -> Iterator[None]:
    """Create the tables of all models that can be granted. ``Old`` has a table that existed before."""
    Old._meta.managed = True
    made = [*TABLES, Old]
    with connection.schema_editor() as editor:
        for each in made:
            editor.create_model(each)
    Old._meta.managed = False
    yield
    with connection.schema_editor() as editor:
        for each in reversed(made):
            editor.delete_model(each)
