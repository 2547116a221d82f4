class Router:
    """Send the app of this project to ``default``, and all other apps to ``people``."""

    def db_for_read(self, model, **hints):
        return self.database_of(model._meta.app_label)

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return db == self.database_of(app_label)

    def database_of(self, app_label):
        return "default" if app_label == "with_two_databases" else "people"
