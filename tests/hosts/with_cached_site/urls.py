from itertools import count

import pages
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache

numbers = count()


def news(request):
    return HttpResponse(f"number {next(numbers)}")


urlpatterns = [
    path("news/", news),
    path("private/", never_cache(pages.private)),
    *pages.urlpatterns,
]
