"""A project as `startproject` writes it, with the pages of a login."""

from base_settings import *
