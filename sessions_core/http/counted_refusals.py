"""Count refused requests of both APIs, for the dashboard."""

from rest_framework.viewsets import ViewSet

from sessions_core.models.refusal_counts import RefusalKind, refusals

__all__ = ["count_refusal"]


def count_refusal(view: ViewSet, kind: RefusalKind) -> None:
    """Count a refusal in memory, in the workspace of the caller if it was authenticated. No query."""
    auth = view.request.auth if getattr(view, "is_authenticated", False) else None
    refusals.count(kind, getattr(auth, "workspace_id", None))
