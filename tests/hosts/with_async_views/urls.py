from django.contrib import admin
from django.contrib.auth import aauthenticate, alogin, alogout
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path


async def home(request):
    return HttpResponse("for all")


async def private(request):
    user = await request.auser()
    return HttpResponse(f"for {user.get_username()}") if user.is_authenticated else redirect("/login/?next=/private/")


async def log_in(request):
    user = await aauthenticate(request, username=request.POST.get("username"), password=request.POST.get("password"))
    if user is None:
        return HttpResponse("the page for a login")
    await alogin(request, user)
    return redirect("/private/")


async def log_out(request):
    await alogout(request)
    return redirect("/")


urlpatterns = [
    path("", home),
    path("private/", private),
    path("login/", log_in),
    path("logout/", log_out),
    path("admin/", admin.site.urls),
]
