from django.db import models


class Order(models.Model):
    buyer = models.CharField(max_length=150)

    def __str__(self):
        return self.buyer
