"""House rules that a test can enforce: imports, and the content of modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import embedded
from tests.long_modules import long_paths

pytestmark = embedded

ROOT = Path(__file__).parent.parent
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
PACKAGES = ["sessions_core", "client_sessions", "user_sessions", "sessions_project"]
MODULES = [
    path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_secrets_are_created_and_compared_in_token_modules_only(module):
    crypto = {"hmac", "hashlib", "secrets"} & set(imports(module))
    # Only the reference server creates keys and an operator's password for itself; no app does.
    is_ours = relative(module).startswith(("sessions_core/crypto/", "user_sessions/tokens/", "sessions_project/"))
    # The verifier imports no module of the others.
    assert not crypto or is_ours or relative(module) == "user_sessions/verify/verified_tokens.py"
    token_modules = ("user_sessions/tokens/", "user_sessions/verify/testing.py")  # the second signs for tests of hosts
    signs_or_verifies = relative(module).startswith(token_modules) or module.name == "keys.py"
    assert signs_or_verifies or "jwt" not in {name.partition(".")[0] for name in imports(module)}
    assert not {"random", "pickle", "shelve", "marshal"} & set(imports(module))


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_no_module_has_more_than_320_lines(module):
    text = module.read_text()
    assert len(text.splitlines()) <= 320, "is a noun missing?"
    assert module.stem not in ("utils", "helpers", "services")
    assert not {"eval(", "exec(", ".extra(", ".raw(", "mark_safe("} & {word for word in text.split() if "(" in word}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTION))


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has, without its docstring."""
    own = function.body[0] if ast.get_docstring(function, clean=False) else None
    docstring = own.end_lineno - own.lineno + 1 if own and own.end_lineno else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("folder", [*PACKAGES, "tests", "examples", "benchmarks", "dev.py"])
def test_a_function_has_at_most_40_lines(folder):
    paths = [ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py")
    paths = [path for path in paths if ".venv" not in str(path) and "node_modules" not in path.parts]
    long = {(relative(path), each.name) for path in paths for each in functions(path) if lines(each) > 40}
    assert not long, "does it do two things?"


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_only_the_transactions_module_opens_transactions(module):
    opens = "transaction.atomic" in module.read_text() or "django.db.transaction" in set(imports(module))
    assert not opens or module.name == "transactions.py"


def test_each_long_module_exists():
    assert [path for path in long_paths() if not path.exists()] == []
