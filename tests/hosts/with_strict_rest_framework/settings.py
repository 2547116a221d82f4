"""REST framework with defaults that refuse everything: each view states what it allows."""

from base_settings import *

INSTALLED_APPS.append("rest_framework")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["with_strict_rest_framework.rules.Nothing"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.TemplateHTMLRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FileUploadParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "with_strict_rest_framework.rules.NoNegotiation",
    "DEFAULT_THROTTLE_CLASSES": ["with_strict_rest_framework.rules.Never"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "DEFAULT_VERSION": "7",
    "ALLOWED_VERSIONS": ["7"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["with_strict_rest_framework.rules.NoFilter"],
    "EXCEPTION_HANDLER": "with_strict_rest_framework.rules.raise_again",
    "UNAUTHENTICATED_USER": None,
    "NON_FIELD_ERRORS_KEY": "problems",
    "URL_FORMAT_OVERRIDE": None,
}
