"""What this building is made of. None of these models knows of Gatepass."""

from django.db import models


class Tenant(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Door(models.Model):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Lock(models.Model):
    door = models.ForeignKey(Door, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    is_locked = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name
