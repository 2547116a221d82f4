"""The projects that are measured: each has a database of its own, a scene, and a server."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from benchmarks.load import HOST, Operation, Request, wait_for
from benchmarks.packages import folder_of_django_user_sessions

ROOT = Path(__file__).parent.parent
# Variables that change the settings of the reference server: it is measured with its default ones.
SETTINGS = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "GATEPASS_", "REDIS_URL", "SECRET_KEY")
PATIENCE = 30

GATEPASS, BARE, REFERENCE = "gatepass", "bare", "reference"
PEERS = ["knox", "simplejwt", "allauth", "django-user-sessions"]

GTHREAD = [
    *(sys.executable, "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()", "--log-level", "error"),
    *("--workers", "1", "--worker-class", "gthread", "--threads", "2", "--keep-alive", "75"),
]


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class Project:
    """``kind`` names its settings, and ``code`` is the folder with the code that is measured."""

    name: str
    kind: str
    code: Path
    environment: Mapping[str, str]
    folder: Path

    def operations(self, sessions: int, pool: int) -> list[Operation]:
        """Fill the database and return the operations. ``pool`` is the number of requests that are sent once."""
        module = "benchmarks.scene" if self.kind in (GATEPASS, REFERENCE) else "benchmarks.peers"
        command = [sys.executable, "-m", module, str(sessions), str(pool)]
        printed = subprocess.run(command, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE)
        return [
            Operation(**{**each, "requests": [Request(*request) for request in each["requests"]]})
            for each in json.loads(printed.stdout.splitlines()[-1])
        ]

    @contextmanager
    def served(self) -> Iterator[Server]:
        """Run the server until the block ends: gunicorn, or the reference server by its own command."""
        port = free_port()
        serve = [sys.executable, str(self.code / "manage.py"), "serve", "--port", str(port)]
        command = serve if self.kind == REFERENCE else [*GTHREAD, "--bind", f"{HOST}:{port}"]
        with open(self.folder / "server.log", "ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        try:
            wait_for(port)
            yield Server(port=port, pid=process.pid)
        except TimeoutError:
            raise RuntimeError((self.folder / "server.log").read_text(errors="replace")) from None
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def project(
    kind: str, folder: Path, *, database: str, code: Path = ROOT, name: str = "", is_prepared: bool = False
) -> Project:
    """Return a project in a new folder. With ``is_prepared`` PostgreSQL prepares its statements."""
    name = name or kind
    own = folder / name.replace(" ", "-")
    own.mkdir()
    paths = [str(code)]
    if kind == "django-user-sessions":
        paths.insert(0, str(folder_of_django_user_sessions(folder)))
    settings = "benchmarks.reference.settings" if kind == REFERENCE else "benchmarks.host.settings"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)},
        **key_of_peers(),
        "BENCHMARK_PREPARED": "yes" if is_prepared else "",
        "BENCHMARK_PROJECT": kind,
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": settings,
        "GATEPASS_DATA": str(own),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return Project(name=name, kind=kind, code=code, environment=environment, folder=own)


@contextmanager
def checkout(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out, with the benchmark of this checkout in place of its own. Raise CalledProcessError."""
    place = folder / f"checkout-{commit}"
    _git("worktree", "add", "--quiet", "--detach", str(place), commit)
    try:
        shutil.rmtree(place / "benchmarks", ignore_errors=True)
        shutil.copytree(ROOT / "benchmarks", place / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
        yield place
    finally:
        _git("worktree", "remove", "--force", str(place))


def key_of_peers() -> dict[str, str]:
    """Return an RSA key for the peers that sign, of the same size as ours."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"BENCHMARK_RSA_KEY": private.decode(), "BENCHMARK_RSA_PUBLIC_KEY": public.decode()}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _git(*words: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *words], check=True, stdout=subprocess.DEVNULL)
