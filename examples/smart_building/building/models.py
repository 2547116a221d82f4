"""The models of a building. None of them depends on Gatepass."""

from django.db import models


class Named(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Tenant(Named):
    pass


class Door(Named):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)


class Lock(Named):
    door = models.ForeignKey(Door, on_delete=models.CASCADE)
    is_locked = models.BooleanField(default=True)


class Camera(Named):
    door = models.ForeignKey(Door, on_delete=models.CASCADE)
