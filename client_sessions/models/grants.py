"""The grant: one row for each resource, never a list that two writers overwrite."""

from django.db import models
from django.db.models import Q

from client_sessions.resources import LONGEST_ID

# A session is one person's, of one customer.
SINGLE = ("user_identity", "customer")


class Grant(models.Model):
    """One resource a client session may reach."""

    client_session = models.ForeignKey("client_sessions.ClientSession", on_delete=models.CASCADE, related_name="grants")
    resource_type = models.CharField(max_length=60)
    resource_id = models.CharField(max_length=LONGEST_ID, help_text="As client_sessions.resources stores it.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["client_session", "resource_type", "resource_id"], name="a_resource_is_granted_once"
            ),
            models.UniqueConstraint(
                fields=["client_session", "resource_type"],
                condition=Q(resource_type__in=SINGLE),
                name="one_identity_and_one_customer",
            ),
        ]
        indexes = [models.Index(fields=["resource_type", "resource_id"], name="grants_of_a_resource")]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id}"
