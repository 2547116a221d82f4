from django.test import Client, TestCase
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from logins import PASSWORD, Logins, Visitor


class TokenVisitor(Visitor):
    def create_user(self):
        user = super().create_user()
        self.device = StaticDevice.objects.create(user=user, name="codes")
        for token in ("111111", "222222"):
            StaticToken.objects.create(device=self.device, token=token)
        return user

    def log_in_with_code(self, token="111111"):
        form = {
            "username": self.name,
            "password": PASSWORD,
            "otp_token": token,
            "otp_device": self.device.persistent_id,
        }
        return self.client.post("/code/", form)

    def name_by(self, authorization):
        return Client().get("/me/", headers={"authorization": authorization}).json()

    def jwt(self):
        return Client().post("/jwt/", {"username": self.name, "password": PASSWORD}).json()["access"]


class Login(Logins, TokenVisitor, TestCase):
    def test_a_code_opens_the_vault_and_a_password_does_not(self):
        self.log_in()
        assert self.client.get("/vault/").status_code == 302
        self.log_in_with_code()
        self.assertContains(self.client.get("/vault/"), "the vault of ann")

    def test_a_member_gets_a_token_of_knox(self):
        self.log_in()
        token = self.client.post("/knox/").json()["token"]
        assert self.name_by(f"Token {token}") == {"name": "ann"}
        self.assertContains(self.client.get("/private/"), "for ann")

    def test_a_password_gets_a_token_of_simplejwt(self):
        assert self.name_by(f"Bearer {self.jwt()}") == {"name": "ann"}
