"""
The people's API: users, API keys, and who changed what.

The only function that may change the user pool, and one that may only read the audit log.
Sign-in, permissions, bodies and problems are the edge's (carillon.edge.http).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from carillon.adapters.aws import client
from carillon.adapters.cognito import CognitoUsers
from carillon.adapters.dynamodb import entities
from carillon.adapters.dynamodb.audit import DynamoAuditTrail, phone_id
from carillon.adapters.dynamodb.people import DynamoApiKeys, DynamoUserRecords
from carillon.adapters.secrets import Secrets
from carillon.adapters.system_clock import SystemClock
from carillon.domain.api_keys import ApiKey
from carillon.domain.audit import keyed_hash
from carillon.domain.clock import from_iso
from carillon.domain.errors import InvalidInput
from carillon.domain.people import User
from carillon.edge.acting import author
from carillon.edge.http import Request, Router, answer, new_app
from carillon.edge.views import PAGED, listed, public
from carillon.settings import PeopleApi, from_env
from carillon.usecases.manage_api_keys import ManageApiKeys, NewApiKey
from carillon.usecases.manage_users import ManageUsers, NewUser, UserChange
from carillon.usecases.read_audit_log import ReadAuditLog

app = new_app("people_api")
route = Router(app)


@dataclass(frozen=True)
class Composition:
    """What the views call; *hashed* says under what the log has a phone."""

    users: ManageUsers
    keys: ManageApiKeys
    log: ReadAuditLog
    hashed: Callable[[str], str]


@cache
def build() -> Composition:
    """Compose the function once per process."""
    settings = from_env(PeopleApi)
    entities.connect(settings.control_table, author)
    database, clock, offices = client("dynamodb"), SystemClock(), entities.OfficeTable()
    secrets = Secrets(client("secretsmanager"), clock.monotonic)
    return Composition(
        users=ManageUsers(
            CognitoUsers(client("cognito-idp"), settings.user_pool_id),
            DynamoUserRecords(database, settings.control_table, author),
            offices,
            clock,
        ),
        keys=ManageApiKeys(DynamoApiKeys(database, settings.control_table, author), offices, clock),
        log=ReadAuditLog(DynamoAuditTrail(database, settings.audit_table), clock),
        hashed=keyed_hash(secrets.read(settings.audit_secret)["key"]),
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one REST API request."""
    return answer(app, event, context)


@route("GET", "/v1/users", gives="UserList", query=PAGED)
def list_users(request: Request) -> dict[str, Any]:
    """List users; a page may hold fewer than asked for."""
    page = request.page
    return listed(build().users.page(page.limit, page.after))


@route("POST", "/v1/users", takes=NewUser, gives="User", status=201)
def invite_user(_request: Request, new: NewUser) -> User:
    """Invite somebody by e-mail."""
    return build().users.invite(new)


@route("GET", "/v1/users/{user_id}", gives="User")
def show_user(_request: Request, user_id: str) -> User:
    """Show a user."""
    return build().users.get(user_id)


@route("PATCH", "/v1/users/{user_id}", takes=UserChange, gives="User")
def change_user(request: Request, change: UserChange, user_id: str) -> User:
    """Give a user another role or other offices."""
    return build().users.change(request.origin, user_id, change)


@route("POST", "/v1/users/{user_id}/invite", gives="User")
def invite_user_again(_request: Request, user_id: str) -> User:
    """Send an invitation again to somebody who has not signed in yet."""
    return build().users.resend(user_id)


@route("POST", "/v1/users/{user_id}/disable", gives="User")
def disable_user(request: Request, user_id: str) -> User:
    """Let a user in no more, within a minute."""
    return build().users.disable(request.origin, user_id)


@route("POST", "/v1/users/{user_id}/enable", gives="User")
def enable_user(_request: Request, user_id: str) -> User:
    """Let a disabled user sign in again."""
    return build().users.enable(user_id)


@route("GET", "/v1/offices/{office_id}/members", gives="UserList", query=PAGED)
def list_members(request: Request, office_id: str) -> dict[str, Any]:
    """List who belongs to an office."""
    page = request.page
    return listed(build().users.members(request.access, office_id, page.limit, page.after))


@route("GET", "/v1/api-keys", gives="ApiKeyList", query=PAGED)
def list_api_keys(request: Request) -> dict[str, Any]:
    """List API keys, revoked ones too, newest first."""
    page = request.page
    return listed(build().keys.page(page.limit, page.after), _key)


@route("POST", "/v1/api-keys", takes=NewApiKey, gives="CreatedApiKey", status=201)
def create_api_key(request: Request, new: NewApiKey) -> dict[str, Any]:
    """Create an API key; its secret is in this answer and nowhere else."""
    key, minted = build().keys.create(request.origin, new)
    return {**_key(key), "secret": minted.text}


@route("GET", "/v1/api-keys/{key_id}", gives="ApiKey")
def show_api_key(_request: Request, key_id: str) -> dict[str, Any]:
    """Show an API key."""
    return _key(build().keys.get(key_id))


@route("POST", "/v1/api-keys/{key_id}/revoke", gives="ApiKey")
def revoke_api_key(_request: Request, key_id: str) -> dict[str, Any]:
    """End an API key for good, within a minute."""
    return _key(build().keys.revoke(key_id))


@route(
    "GET",
    "/v1/audit-log",
    gives="AuditLog",
    query=("object_id", "phone", "actor", "from", "to", *PAGED),
)
def list_changes(request: Request) -> dict[str, Any]:
    """List who changed what, newest first; a phone's are found by the phone."""
    page, asked, made = request.page, request.query, build()
    phone = asked.get("phone", "").lstrip("+")
    found = made.log.page(
        page.limit,
        page.after,
        object_id=phone_id(f"+{phone}", made.hashed) if phone else asked.get("object_id"),
        actor=asked.get("actor"),
        since=_moment(asked, "from"),
        until=_moment(asked, "to"),
    )
    return listed(found)


def _key(key: ApiKey) -> dict[str, Any]:
    return public(key, without={"secret_hash"})


def _moment(query: dict[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return from_iso(text)
    except ValueError as error:
        raise InvalidInput(f"{name} must be a time with its offset.", field=name) from error
