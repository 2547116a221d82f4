from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    pass


class Employee(Person):
    room = models.CharField(max_length=20, blank=True)
