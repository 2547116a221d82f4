from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import path
from pages import urlpatterns as pages
from with_two_databases.models import Order


@login_required
def order(request):
    Order.objects.create(buyer=request.user.get_username())
    if request.POST.get("card") == "invalid":
        raise ValueError("the card is invalid")
    return HttpResponse("ordered")


urlpatterns = [*pages, path("order/", order)]
