from pages import urlpatterns

__all__ = ["urlpatterns"]
