"""A webhook goes to public addresses over HTTPS, and nowhere else."""

import socket
import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone

from sessions_core.models import WebhookEndpoint, WebhookMessage
from sessions_core.webhooks.addresses import NotAllowed, Target, is_public
from sessions_core.webhooks.posting import Network, post
from tests.receivers import Receiver, receiving
from user_sessions.models import UserSession

PUBLIC = ["1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]

# One address of each kind, with the ends of important ranges.
NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::a00:1 100::1 2001::1 2001:0:7f00:1::
    2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 4000::1 fc00::1 fd00:ec2::254 fdff::1
    fe80::1 fe80::1%eth0 2606:4700::1111%eth0 fec0::1 ff02::1 ff0e::1
"""


def at(*addresses: str) -> Any:
    """Return a resolver that returns each of these addresses in turn and counts calls."""
    answers = list(addresses)

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers.pop(0).split()]

    return resolve


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_accepted(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_other_addresses_are_refused(address):
    assert not is_public(ip_address(address))
    with pytest.raises(NotAllowed):
        Target.parse("https://hooks.example.com/", is_sandbox=True).addresses(at(f"1.1.1.1 {address}"))


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost", "127.0.0.1"]
)
def test_every_spelling_of_localhost_is_recognised(host):
    with pytest.raises(NotAllowed):
        Target.parse(f"https://{host}/", is_sandbox=True).addresses()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///hooks",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:80/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:x/",
        "https://user:password@hooks.example.com/",
        "https://127.0.0.1#@hooks.example.com/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Header: 1",
        "https://hooks.example.com/\x00",
        "https://höoks.example.com/",
        "https://①②⑦.⓪.⓪.①/",
        "https://[::1/",
    ],
)
def test_an_invalid_webhook_url_is_refused(url):
    with pytest.raises(NotAllowed):
        Target.parse(url, is_sandbox=False)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com", "https://hooks.example.com:8443/a?b=c", "https://1.1.1.1/"]
)
def test_a_valid_webhook_url_is_accepted(url):
    assert not Target.parse(url, is_sandbox=False).is_local


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[fe80::1]", "localhost", "a.localhost."],
)
def test_a_host_that_cannot_be_public_is_refused_at_once(host):
    with pytest.raises(NotAllowed, match="is not a public address"):
        Target.parse(f"https://{host}/", is_sandbox=True)


@pytest.mark.parametrize("host", ["hooks.example.com", "1.1.1.1", "10.0.0.1", "[2606:4700::1111]", "notlocalhost"])
def test_plain_http_to_another_host_is_refused_at_once(host):
    with pytest.raises(NotAllowed, match="only to this machine"):
        Target.parse(f"http://{host}/", is_sandbox=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.1", "[::1]:8000", "localhost", "hooks.localhost"])
def test_a_sandbox_accepts_plain_http_to_localhost(host):
    assert Target.parse(f"http://{host}/", is_sandbox=True).is_local


def test_plain_http_is_allowed_only_to_localhost_in_a_sandbox():
    target = Target.parse("http://hooks.localhost:8080/", is_sandbox=True)
    assert target.is_local
    assert target.addresses(at("127.0.0.1 ::1")) == ["127.0.0.1", "::1"]
    for address in ("1.1.1.1", "10.0.0.1", "169.254.169.254", "127.0.0.1 10.0.0.1"):
        with pytest.raises(NotAllowed):
            target.addresses(at(address))
    with pytest.raises(NotAllowed):
        Target.parse("http://127.0.0.1/", is_sandbox=False)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Create a self-signed certificate and its key."""
    key, now = generate_private_key(SECP256R1()), timezone.now()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(signed.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


class Outside:
    """A network in which one public address is our receiver."""

    def __init__(self, receiver: Receiver, trusted: Path, *answers: str) -> None:
        self.receiver, self.connected = receiver, []
        context = ssl.create_default_context(cafile=str(trusted))
        self.network = Network(resolve=at(*answers), connect=self.connect, tls=lambda: context, limit=10)

    def connect(self, address: tuple[str, int], *, timeout: float) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self.receiver.port), timeout)


@pytest.fixture
def secured(tmp_path):
    """Return a receiver with a certificate for hooks.example.com, and the certificate file."""
    files = certificate(tmp_path, "hooks.example.com")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    with receiving(tls) as receiver:
        yield receiver, files[0]


def test_the_connection_is_made_to_the_address_that_was_checked(secured, live_workspace, user, deliver):
    receiver, trusted = secured
    outside = Outside(receiver, trusted, "93.184.215.14", "127.0.0.1", "93.184.215.14")
    WebhookEndpoint.objects.add(live_workspace, "https://hooks.example.com/a", actor="test")
    UserSession.objects.start(live_workspace, user, actor="test")
    deliver(network=outside.network)
    assert WebhookMessage.objects.get().last_outcome == "204"
    assert outside.connected == [("93.184.215.14", 443)]
    assert receiver.received[0].headers["host"] == "hooks.example.com"
    WebhookMessage.objects.get().send_again(actor="test")
    deliver(network=outside.network)  # the name leads to this machine by now
    assert WebhookMessage.objects.get().last_outcome == "NotAllowed"
    assert len(outside.connected) == len(receiver.received) == 1


@pytest.mark.parametrize("host", ["other.example.com", "93.184.215.14"])
def test_a_certificate_for_another_name_is_refused(secured, host):
    receiver, trusted = secured
    network = Outside(receiver, trusted, "93.184.215.14").network
    with pytest.raises(ssl.SSLCertVerificationError):
        post(Target.parse(f"https://{host}/", is_sandbox=False), b"{}", {}, network=network)
    assert receiver.received == []


def test_an_untrusted_certificate_is_refused(secured, tmp_path):
    receiver, _ = secured
    (tmp_path / "other").mkdir()
    network = Outside(receiver, certificate(tmp_path / "other", "hooks.example.com")[0], "93.184.215.14").network
    with pytest.raises(ssl.SSLCertVerificationError):
        post(Target.parse("https://hooks.example.com/", is_sandbox=False), b"{}", {}, network=network)
    assert receiver.received == []


def test_an_endless_tls_handshake_ends_at_the_timeout(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        outside = Outside(Receiver(port=mute.getsockname()[1]), certificate(tmp_path, "a.example.com")[0], "1.1.1.1")
        network = Network(resolve=at("1.1.1.1"), connect=outside.connect, tls=outside.network.tls, limit=0.3)
        with pytest.raises(TimeoutError):
            post(Target.parse("https://a.example.com/", is_sandbox=False), b"{}", {}, network=network)


def test_the_next_address_is_tried_if_the_first_does_not_answer():
    with receiving() as receiver:
        target = Target.parse(f"http://hooks.localhost:{receiver.port}/", is_sandbox=True)
        network = Network(resolve=at("127.9.9.9 127.0.0.1"))
        assert post(target, b'{"type": "a"}', {"webhook-id": "msg_1"}, network=network) == 204
