"""Other packages sign users in: knox and simplejwt by tokens, django-otp by codes after the password."""

from base_settings import *

INSTALLED_APPS += ["rest_framework", "knox", "django_otp", "django_otp.plugins.otp_static"]
place = MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1
MIDDLEWARE.insert(place, "django_otp.middleware.OTPMiddleware")
REST_FRAMEWORK = {"TEST_REQUEST_DEFAULT_FORMAT": "json"}
