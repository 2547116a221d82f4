from django.test import TransactionTestCase
from logins import Logins, Visitor
from with_two_databases.models import Order


class RoutedVisitor(Visitor):
    databases = {"default", "people"}

    def order(self, card):
        self.client.raise_request_exception = False
        return self.client.post("/order/", {"card": card}).status_code


class Login(Logins, RoutedVisitor, TransactionTestCase):
    def test_a_failed_order_is_rolled_back(self):
        self.log_in()
        assert [self.order(card) for card in ("valid", "invalid")] == [200, 500]
        assert Order.objects.using("default").get().buyer == "ann"
