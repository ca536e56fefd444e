"""What people_api answers."""

from carillon.domain.api_keys import ApiKey
from carillon.domain.audit import AuditEntry
from carillon.domain.people import User
from infra.openapi.schemas import TEXT, Schema, of, page_of

_API_KEY = of(ApiKey, without=frozenset({"secret_hash"}))

ANSWERS: dict[str, Schema] = {
    "User": of(User),
    "UserList": page_of("User"),
    "ApiKey": _API_KEY,
    "ApiKeyList": page_of("ApiKey"),
    # The secret is in this answer and nowhere else.
    "CreatedApiKey": of(ApiKey, without=frozenset({"secret_hash"}), secret=TEXT),
    "AuditEntry": of(AuditEntry),
    "AuditLog": page_of("AuditEntry"),
}
