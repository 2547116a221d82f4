from django.apps import AppConfig

from client_sessions import resources


class BuildingConfig(AppConfig):
    name = "building"

    def ready(self) -> None:
        from building import models

        # The project has one workspace, so workspace=None. A grant of a tenant reaches its doors, and their locks.
        resources.register("tenant", models.Tenant, workspace=None)
        resources.register("door", models.Door, workspace=None, through=["tenant"])
        resources.register("lock", models.Lock, workspace=None, through=["door"], counted=True)
        resources.register("camera", models.Camera, workspace=None, through=["door"])
