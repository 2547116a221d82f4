from django.apps import AppConfig

from client_sessions import resources


class BuildingConfig(AppConfig):
    name = "building"

    def ready(self) -> None:
        from building.models import Door, Lock, Tenant

        # One workspace, so no path to it. Who was granted a tenant reaches its doors, and their locks.
        resources.register("tenant", Tenant, workspace=None)
        resources.register("door", Door, workspace=None, through=["tenant"])
        resources.register("lock", Lock, workspace=None, through=["door"])
