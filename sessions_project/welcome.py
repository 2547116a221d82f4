"""The output of ``dev.py run``, and the stored secrets of the sandbox, so that later runs can print them again."""

import json
from dataclasses import replace

from django.conf import settings
from django.contrib.auth import authenticate

from sessions_core.models import ApiKey, Workspace
from sessions_project import secrets_file
from sessions_project.sandbox import DemoUser, Sandbox, make_sandbox
from user_sessions.clerk.cookies import publishable_key
from user_sessions.models import UserSessionPolicy

__all__ = ["API_KEY", "PASSWORD", "welcome", "with_credentials"]

# Names in GATEPASS_DATA/secrets.env.
API_KEY = "GATEPASS_SANDBOX_API_KEY"
PASSWORD = "GATEPASS_OPERATOR_PASSWORD"
USER_PASSWORD = "GATEPASS_DEMO_PASSWORD_{}"

WELCOME = """
Gatepass is on {url}, its data in {data}

  Admin            {url}/admin/
  Issuer           {issuer}
  Operator         {operator}
  API key          {api_key}
  Publishable key  {publishable_key}
  Accounts         {accounts}
  Users            {users}
{commands}
Ctrl-C stops the server.
"""
COMMANDS = """
Try it in a browser, on {url}/, or in another terminal:

# 1. A client session for {username}, who may reach one connected account
{create}

# 2. The devices that {username}'s token reaches
TOKEN=$({create} | {token_of}); \\
curl -sw '\\n' {url}/devices/list -H "Authorization: Bearer $TOKEN"

# 3. A session token for {username}, signed in on a new device
SESSION=$(curl -s {url}/v1/sessions {key} {json} -d '{{"user_id": "{user_id}"}}' | {id_of}); \\
curl -sw '\\n' -X POST {url}/v1/sessions/$SESSION/tokens {key}
"""
NO_COMMANDS = """
Some of the demo data was deleted and is not created again. `dev.py run --data DIR` creates a new sandbox.
"""
CREATE = (
    "curl -sw '\\n' {url}/client_sessions/get_or_create {key} {json} "
    """-d '{{"user_identifier_key": "{username}", "connected_account_ids": {account_ids}}}'"""
)
JSON = "-H 'Content-Type: application/json'"
TOKEN_OF = """python3 -c 'import json, sys; print(json.load(sys.stdin)["client_session"]["token"])'"""
ID_OF = """python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'"""


def with_credentials(sandbox: Sandbox) -> tuple[Sandbox, str, str | None]:
    """Return the sandbox with its users' passwords, a working API key, and the operator's password. A password that was
    changed is None."""
    saved = secrets_file.read(settings.GATEPASS_SECRETS)
    api_key = sandbox.api_key or saved.get(API_KEY, "")
    if not _works(api_key, sandbox):
        api_key = make_sandbox(new_key=True).api_key or ""
    operator = sandbox.operator
    current = {API_KEY: api_key, PASSWORD: (operator and operator.password) or saved.get(PASSWORD, "")}
    current |= {_password_name(user): user.password or saved.get(_password_name(user), "") for user in sandbox.users}
    if current.items() - saved.items():
        secrets_file.update(settings.GATEPASS_SECRETS, **current)
    users = [
        replace(user, password=_password_if_valid(user.username, current[_password_name(user)]))
        for user in sandbox.users
    ]
    password = _password_if_valid(operator.username, current[PASSWORD]) if operator else None
    return replace(sandbox, users=users), api_key, password


def _password_name(user: DemoUser) -> str:
    return USER_PASSWORD.format(user.username.upper())


def _works(api_key: str, sandbox: Sandbox) -> bool:
    key = ApiKey.authenticate(api_key)
    return key is not None and key.workspace_id == sandbox.workspace_id


def _password_if_valid(username: str, password: str) -> str | None:
    return password if password and authenticate(username=username, password=password) else None


def welcome(sandbox: Sandbox, api_key: str, password: str | None) -> str:
    operator = f"{sandbox.operator.username}, password {password or 'as you set it'}" if sandbox.operator else "none"
    return WELCOME.format(
        url=settings.GATEPASS_URL,
        data=settings.GATEPASS_DATA,
        issuer=sandbox.frontend_api or f"urn:uuid:{sandbox.workspace_id}",
        operator=operator,
        api_key=api_key,
        publishable_key=_publishable_keys(sandbox),
        accounts=", ".join(str(account_id) for account_id in sandbox.connected_account_ids) or "none",
        users=f"\n{' ' * 19}".join(
            f"{each.id} ({each.username}, password {each.password or 'as you set it'})" for each in sandbox.users
        )
        or "none",
        commands=_commands(sandbox, api_key),
    )


def _commands(sandbox: Sandbox, api_key: str) -> str:
    """Return commands to try, or a note if the demo data was deleted."""
    if not sandbox.users or not sandbox.connected_account_ids:
        return NO_COMMANDS
    user = sandbox.users[0]
    words = {
        "url": settings.GATEPASS_URL,
        "key": f"-H 'Authorization: Bearer {api_key}'",
        "json": JSON,
        "username": user.username,
        "account_ids": json.dumps([str(account_id) for account_id in sandbox.connected_account_ids[:1]]),
    }
    return COMMANDS.format(**words, create=CREATE.format(**words), token_of=TOKEN_OF, id_of=ID_OF, user_id=user.id)


def _publishable_keys(sandbox: Sandbox) -> str:
    """Return the publishable keys of both dialects. The key of Clerk's SDKs contains the address."""
    workspace = Workspace.objects.get(pk=sandbox.workspace_id)
    address = f", for Clerk's SDKs {publishable_key(workspace)}" if UserSessionPolicy.of(workspace).frontend_api else ""
    return (sandbox.publishable_key or "none") + address
