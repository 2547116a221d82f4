"""A proxy of docs/configuration.md in front of a port of this machine, with a certificate that the test makes."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.pages import blocks

HOST = "sessions.example.com"
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The path of its configuration in the page, how a test adapts the sample, and the start command."""

    file: str
    adapt: Callable[[str, Path, int], str]
    command: Callable[[Path], list[str]]


def _caddy(sample: str, data: Path, port: int) -> str:
    own = "{\n admin off\n auto_https disable_redirects\n default_bind 127.0.0.1\n}\n"
    return own + sample.replace(f"{HOST} {{", f"{HOST}:{port} {{\n tls {data}/cert.pem {data}/key.pem")


def _haproxy(sample: str, data: Path, port: int) -> str:
    return sample.replace("bind :443", f"bind 127.0.0.1:{port}").replace(f"/etc/haproxy/{HOST}.pem", f"{data}/both.pem")


def _nginx(sample: str, data: Path, port: int) -> str:
    """The sample is a file of ``conf.d``, which nginx includes in ``http``."""
    sample = sample.replace("listen 443", f"listen 127.0.0.1:{port}")
    sample = sample.replace(f"/etc/ssl/{HOST}.pem", f"{data}/cert.pem").replace(
        f"/etc/ssl/{HOST}.key", f"{data}/key.pem"
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {data}/{kind};\n" for kind in kinds)
    own = f"daemon off; master_process off; pid {data}/pid; error_log {data}/error.log; events {{}}\n"
    return f"{own}http {{\naccess_log off;\n{places}{sample}}}\n"


PROXIES = {
    "caddy": Proxy(
        file="/etc/caddy/Caddyfile",
        adapt=_caddy,
        command=lambda file: ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)],
    ),
    "haproxy": Proxy(
        file="/etc/haproxy/haproxy.cfg", adapt=_haproxy, command=lambda file: ["haproxy", "-q", "-f", str(file)]
    ),
    "nginx": Proxy(
        file="/etc/nginx/conf.d/gatepass.conf",
        adapt=_nginx,
        command=lambda file: ["nginx", "-e", "stderr", "-p", str(file.parent), "-c", str(file)],
    ),
}


class Caller:
    """A TLS connection from its own address that sends requests unchanged."""

    def __init__(self, data: Path, port: int, *, address: str) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))
        trust = ssl.create_default_context(cafile=str(data / "cert.pem"))
        self.address, self.socket = address, trust.wrap_socket(plain, server_hostname=HOST)

    def ask(self, first: str, *lines: str, body: bytes = b"") -> HTTPResponse:
        """Send a request. Return the complete response."""
        head = "\r\n".join([first, f"Host: {HOST}", f"Content-Length: {len(body)}", *lines, "", ""])
        self.socket.sendall(head.encode() + body)
        answer = HTTPResponse(self.socket, method=first.split()[0])
        answer.begin()
        answer.read()
        return answer


@contextmanager
def calling(name: str, data: Path, upstream: int) -> Iterator[Caller]:
    """Yield a caller of the proxy, which forwards to the port ``upstream``. Skip the test if the proxy is missing."""
    proxy, program = PROXIES[name], shutil.which(name, path=PATH)
    if program is None:
        pytest.skip(f"{name} is not installed here")
    make_certificate(data)
    (sample,) = (each for each in blocks("configuration.md", "text") if each.startswith(f"# {proxy.file}\n"))
    assert sample.count("127.0.0.1:8000") == 1
    port, file = free_port(), data / "proxy.conf"
    file.write_text(proxy.adapt(sample.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}"), data, port))
    command = [program, *proxy.command(file)[1:]]
    own = {"PATH": PATH, "HOME": str(data)}
    with (data / "log").open("wb") as log, subprocess.Popen(command, env=own, stdout=log, stderr=log) as process:
        try:
            wait_for(port, process, data / "log")
            # An address of its own for each proxy, since the server counts calls by address.
            caller = Caller(data, port, address=f"127.0.0.{2 + sorted(PROXIES).index(name)}")
            with caller.socket:
                yield caller
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the proxy does not answer: {log.read_text()}")


def make_certificate(data: Path) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    cert = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for file, content in {"cert.pem": cert, "key.pem": private, "both.pem": cert + private}.items():
        (data / file).write_bytes(content)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
