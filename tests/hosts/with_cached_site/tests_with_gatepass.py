from django.test import TestCase
from sign_ins import SignIns
from with_cached_site.tests import CachedVisitor


class Sessions(SignIns, CachedVisitor, TestCase):
    pass
