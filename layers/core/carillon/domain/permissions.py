"""
Who may do what: the one table of route × role (spec P2).

    ``ALL``   objects of every office
    ``OWN``   objects of the caller's offices only
    ``NONE``  nothing: 403 before anything is read

Two rules keep the table honest:

* An object of a foreign office answers exactly like an absent one (404): the
  API never says that it is there. *Naming* a foreign office as the home of a
  new object is 403, whether or not that office exists.
* A caller with several role groups has the most powerful of them (order of
  ``Role``): groups are granted one by one, and granting one must not take
  rights away. A caller without a known role may do nothing.

Office groups mean nothing to an admin, who has all offices.

An API key has a role and offices like a user, and less: see ``PEOPLE_ONLY`` and
``TEST_KEY_CHANGES``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from carillon.domain.errors import Forbidden, NotFound

Route = tuple[str, str]

ROLE_GROUP = "role."
OFFICE_GROUP = "office."


class Role(StrEnum):
    """What a user is (P2), the most powerful first."""

    ADMIN = "admin"
    MANAGER = "manager"
    ANALYST = "analyst"
    AGENT = "agent"
    LIMITED = "limited"


class KeyKind(StrEnum):
    """What an API key reaches (P3): a ``test`` key never a provider."""

    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    """How far a role reaches on a route."""

    ALL = "all"
    OWN = "own"
    NONE = "none"


def _row(
    *,
    manager: Scope = Scope.NONE,
    analyst: Scope = Scope.NONE,
    agent: Scope = Scope.NONE,
    limited: Scope = Scope.NONE,
    admin: Scope = Scope.ALL,
) -> dict[Role, Scope]:
    return {
        Role.ADMIN: admin,
        Role.MANAGER: manager,
        Role.ANALYST: analyst,
        Role.AGENT: agent,
        Role.LIMITED: limited,
    }


_OWN = Scope.OWN
_MANAGED = _row(manager=_OWN)
_ORGANISATIONS = _row(manager=Scope.ALL)
_SEEN = _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN)
_CONVERSED = _row(manager=_OWN, agent=_OWN, limited=_OWN)

# Agents see campaigns to know what they are answering. "Own" is finer for a limited user: of
# their offices' campaigns those that they are an agent of (domain.campaign_offers.reaches).
PERMISSIONS: dict[Route, dict[Role, Scope]] = {
    ("GET", "/v1/me"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("GET", "/v1/organisation"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("GET", "/v1/offices"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("POST", "/v1/offices"): _row(),
    ("GET", "/v1/offices/{office_id}"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("PATCH", "/v1/offices/{office_id}"): _row(),
    # Managers give conversations and campaigns to people of their offices.
    ("GET", "/v1/offices/{office_id}/members"): _row(manager=_OWN),
    ("GET", "/v1/users"): _row(),
    ("POST", "/v1/users"): _row(),
    ("GET", "/v1/users/{user_id}"): _row(),
    ("PATCH", "/v1/users/{user_id}"): _row(),
    ("POST", "/v1/users/{user_id}/invite"): _row(),
    ("POST", "/v1/users/{user_id}/disable"): _row(),
    ("POST", "/v1/users/{user_id}/enable"): _row(),
    ("GET", "/v1/api-keys"): _row(),
    ("POST", "/v1/api-keys"): _row(),
    ("GET", "/v1/api-keys/{key_id}"): _row(),
    ("POST", "/v1/api-keys/{key_id}/revoke"): _row(),
    ("GET", "/v1/audit-log"): _row(),
    ("GET", "/v1/policy"): _row(manager=_OWN, analyst=_OWN),
    ("PUT", "/v1/policy"): _row(),
    ("GET", "/v1/senders"): _row(manager=_OWN, analyst=_OWN),
    ("POST", "/v1/senders"): _MANAGED,
    ("GET", "/v1/senders/{sender_id}"): _row(manager=_OWN, analyst=_OWN),
    ("PATCH", "/v1/senders/{sender_id}"): _MANAGED,
    ("POST", "/v1/senders/{sender_id}/suspend"): _MANAGED,
    ("POST", "/v1/senders/{sender_id}/resume"): _MANAGED,
    ("GET", "/v1/lists"): _MANAGED,
    ("POST", "/v1/lists"): _MANAGED,
    ("GET", "/v1/lists/{list_id}"): _MANAGED,
    ("POST", "/v1/lists/{list_id}/imports"): _MANAGED,
    ("GET", "/v1/lists/{list_id}/imports/{import_id}"): _MANAGED,
    ("POST", "/v1/lists/{list_id}/imports/{import_id}/start"): _MANAGED,
    ("GET", "/v1/lists/{list_id}/imports/{import_id}/rejected"): _MANAGED,
    ("GET", "/v1/lists/{list_id}/contacts"): _MANAGED,
    ("POST", "/v1/lists/{list_id}/count"): _MANAGED,
    ("GET", "/v1/segments"): _MANAGED,
    ("POST", "/v1/segments"): _MANAGED,
    ("GET", "/v1/segments/{segment_id}"): _MANAGED,
    ("PATCH", "/v1/segments/{segment_id}"): _MANAGED,
    ("DELETE", "/v1/segments/{segment_id}"): _MANAGED,
    ("POST", "/v1/segments/{segment_id}/preview"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/audience"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/simulation"): _MANAGED,
    # All that is known of a person, or the end of it, in all offices.
    ("POST", "/v1/contacts/{phone}/erase"): _row(),
    ("POST", "/v1/contacts/{phone}/export"): _row(),
    ("GET", "/v1/contacts/requests/{request_id}"): _row(),
    ("GET", "/v1/campaigns"): _SEEN,
    ("GET", "/v1/campaigns/calendar"): _row(
        manager=Scope.ALL, analyst=Scope.ALL, agent=Scope.ALL, limited=_OWN
    ),
    ("POST", "/v1/campaigns"): _MANAGED,
    ("GET", "/v1/campaigns/{campaign_id}"): _SEEN,
    ("DELETE", "/v1/campaigns/{campaign_id}"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/clone"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/approve"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/refuse"): _MANAGED,
    ("PATCH", "/v1/campaigns/{campaign_id}"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/launch"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/schedule"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/unschedule"): _MANAGED,
    ("GET", "/v1/campaigns/{campaign_id}/occurrences"): _SEEN,
    ("POST", "/v1/campaigns/{campaign_id}/occurrences/pause"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/occurrences/resume"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/pause"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/resume"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/end"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/archive"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/recount"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/preview"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/media"): _MANAGED,
    # Agents see what the assistant says in their place; managers word it.
    ("GET", "/v1/campaigns/{campaign_id}/knowledge"): _row(manager=_OWN, analyst=_OWN, agent=_OWN),
    ("PUT", "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"): _MANAGED,
    ("DELETE", "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/assistant/try"): _MANAGED,
    ("GET", "/v1/campaigns/{campaign_id}/report"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/outcomes"): _row(manager=_OWN, analyst=_OWN, agent=_OWN),
    ("PUT", "/v1/campaigns/{campaign_id}/outcomes"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/outcomes"): _row(manager=_OWN, agent=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/metrics"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/variants"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/leads"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/leads/{phone}/why"): _row(manager=_OWN, agent=_OWN),
    ("GET", "/v1/senders/{sender_id}/performance"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/activity"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/summary"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/series"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/campaigns"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/campaigns/csv"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/comparison"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/usage"): _row(manager=_OWN, analyst=_OWN),
    # Opt-outs are the organisation's; an agent may look one phone up.
    ("GET", "/v1/opt-outs"): _ORGANISATIONS,
    ("POST", "/v1/opt-outs"): _ORGANISATIONS,
    ("GET", "/v1/opt-outs/{phone}"): _row(manager=Scope.ALL, agent=Scope.ALL),
    ("DELETE", "/v1/opt-outs/{phone}"): _ORGANISATIONS,
    ("POST", "/v1/opt-outs/imports"): _ORGANISATIONS,
    ("GET", "/v1/opt-outs/imports/{import_id}"): _ORGANISATIONS,
    ("POST", "/v1/opt-outs/imports/{import_id}/start"): _ORGANISATIONS,
    ("GET", "/v1/opt-outs/imports/{import_id}/rejected"): _ORGANISATIONS,
    ("POST", "/v1/opt-outs/exports"): _ORGANISATIONS,
    ("GET", "/v1/opt-outs/exports/{export_id}"): _ORGANISATIONS,
    # Numbers and texts are in an export only of who may see them (domain.exports).
    ("GET", "/v1/exports"): _row(manager=_OWN, analyst=_OWN),
    ("POST", "/v1/exports"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/exports/{export_id}"): _row(manager=_OWN, analyst=_OWN),
    # An endpoint of all offices is for who has them all.
    ("GET", "/v1/webhooks"): _MANAGED,
    ("POST", "/v1/webhooks"): _MANAGED,
    ("GET", "/v1/webhooks/{webhook_id}"): _MANAGED,
    ("PATCH", "/v1/webhooks/{webhook_id}"): _MANAGED,
    ("DELETE", "/v1/webhooks/{webhook_id}"): _MANAGED,
    ("POST", "/v1/webhooks/{webhook_id}/rotate"): _MANAGED,
    ("POST", "/v1/webhooks/{webhook_id}/test"): _MANAGED,
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): _MANAGED,
    # "Own" is finer here (usecases.manage_conversations): also what is assigned to the
    # caller, and for a limited user that alone.
    ("GET", "/v1/conversations"): _CONVERSED,
    ("GET", "/v1/conversations/counts"): _CONVERSED,
    ("GET", "/v1/conversations/updates"): _CONVERSED,
    ("GET", "/v1/conversations/{conversation_id}"): _CONVERSED,
    ("PATCH", "/v1/conversations/{conversation_id}"): _CONVERSED,
    ("POST", "/v1/conversations/{conversation_id}/assign"): _CONVERSED,
    ("POST", "/v1/conversations/{conversation_id}/release-hold"): _CONVERSED,
    ("POST", "/v1/conversations/{conversation_id}/opt-out"): _CONVERSED,
    ("GET", "/v1/conversations/{conversation_id}/messages"): _CONVERSED,
    ("POST", "/v1/conversations/{conversation_id}/preview"): _CONVERSED,
    ("POST", "/v1/conversations/{conversation_id}/messages"): _CONVERSED,
    ("GET", "/v1/canned-replies"): _CONVERSED,
    ("POST", "/v1/canned-replies"): _MANAGED,
    ("DELETE", "/v1/canned-replies/{canned_id}"): _MANAGED,
}

# Served to anybody, before a sign-in: the page itself, what it needs to sign in, and the contract
# with its reference page.
PUBLIC: frozenset[Route] = frozenset(
    {
        ("GET", "/"),
        ("GET", "/config.json"),
        ("GET", "/reference"),
        ("GET", "/openapi.json"),
        ("GET", "/assets/{file}"),
    }
)


# What a machine may not do, whatever its role: a key that is stolen must not make itself a
# successor, nor a user.
PEOPLE_ONLY: frozenset[Route] = frozenset(
    {
        ("POST", "/v1/users"),
        ("PATCH", "/v1/users/{user_id}"),
        ("POST", "/v1/users/{user_id}/invite"),
        ("POST", "/v1/users/{user_id}/disable"),
        ("POST", "/v1/users/{user_id}/enable"),
        ("POST", "/v1/api-keys"),
        ("POST", "/v1/api-keys/{key_id}/revoke"),
        ("POST", "/v1/campaigns/{campaign_id}/approve"),
        ("POST", "/v1/campaigns/{campaign_id}/refuse"),
    }
)

# What a test key may change (P3): nothing from which a message could come but campaigns, and of
# those the test campaigns alone (``Access.require_kind``). A route that nobody put here is
# closed to it.
TEST_KEY_CHANGES: frozenset[Route] = frozenset(
    {
        # Not imports: a live campaign may text the list that they fill.
        ("POST", "/v1/campaigns"),
        ("PATCH", "/v1/campaigns/{campaign_id}"),
        ("DELETE", "/v1/campaigns/{campaign_id}"),
        ("POST", "/v1/campaigns/{campaign_id}/clone"),
        ("POST", "/v1/lists/{list_id}/count"),
        ("POST", "/v1/campaigns/{campaign_id}/simulation"),
        ("POST", "/v1/campaigns/{campaign_id}/occurrences/pause"),
        ("POST", "/v1/campaigns/{campaign_id}/occurrences/resume"),
        ("POST", "/v1/segments/{segment_id}/preview"),
        ("POST", "/v1/campaigns/{campaign_id}/launch"),
        ("POST", "/v1/campaigns/{campaign_id}/schedule"),
        ("POST", "/v1/campaigns/{campaign_id}/unschedule"),
        ("POST", "/v1/campaigns/{campaign_id}/pause"),
        ("POST", "/v1/campaigns/{campaign_id}/resume"),
        ("POST", "/v1/campaigns/{campaign_id}/end"),
        ("POST", "/v1/campaigns/{campaign_id}/archive"),
        ("POST", "/v1/campaigns/{campaign_id}/recount"),
    }
)


@dataclass(frozen=True)
class Caller:
    """
    Who is asking: a signed-in user, or a machine with an API key (*key* says of which kind).

    *offices* are office ids; they bind every role but admin.
    """

    subject: str
    role: Role
    offices: frozenset[str]
    key: KeyKind | None = None

    @property
    def is_test(self) -> bool:
        """Whether nothing that this caller does may reach a provider."""
        return self.key is KeyKind.TEST

    @property
    def has_all_offices(self) -> bool:
        """Whether no office is foreign to them."""
        return self.role is Role.ADMIN


@dataclass(frozen=True)
class Access:
    """What one caller may touch on one route; use cases ask it about each object's office."""

    caller: Caller
    scope: Scope

    @property
    def offices(self) -> frozenset[str] | None:
        """The offices to which a listing is confined; None means every office."""
        return None if self.scope is Scope.ALL else self.caller.offices

    def covers(self, office_id: str) -> bool:
        """Whether objects of *office_id* are within reach."""
        return self.scope is Scope.ALL or (
            self.scope is Scope.OWN and office_id in self.caller.offices
        )

    def require_object(self, office_id: str, absent: NotFound) -> None:
        """Raise *absent*, as if the object were not there, unless its office is within reach."""
        if not self.covers(office_id):
            raise absent

    def require_office(self, office_id: str) -> None:
        """Raise Forbidden (``office_forbidden``) unless new objects may be put into *office_id*."""
        if not self.covers(office_id):
            raise Forbidden("This office is not one of yours.", code="office_forbidden")

    def require_kind(self, *, is_test: bool) -> None:
        """
        Raise Forbidden (``test_key_forbidden``) unless the caller may change such a campaign.

        A test key changes test campaigns only; everybody else may change both.
        """
        if self.caller.is_test and not is_test:
            raise Forbidden("A test key may only change test campaigns.", code="test_key_forbidden")


def sees_contacts(role: Role) -> bool:
    """Whether *role* may see people's numbers in full: who may open a contact list may."""
    return PERMISSIONS["GET", "/v1/lists/{list_id}"][role] is not Scope.NONE


def role_of(groups: Iterable[str]) -> Role | None:
    """Return the most powerful role among *groups*, or None."""
    held = {name.removeprefix(ROLE_GROUP) for name in groups if name.startswith(ROLE_GROUP)}
    return next((role for role in Role if role.value in held), None)


def least_of(*roles: Role | None) -> Role | None:
    """Return the least powerful of *roles*; None, no role at all, is less than any."""
    if None in roles:
        return None
    order = list(Role)
    return max((role for role in roles if role is not None), key=order.index)


def caller_of(subject: str, groups: Iterable[str], key: KeyKind | None = None) -> Caller:
    """
    Return the caller whom the groups ``role.<role>`` and ``office.<office id>`` describe.

    Unknown groups are ignored. Raises Forbidden (``no_role``) without a known role.
    """
    names = list(groups)
    role = role_of(names)
    if role is None:
        raise Forbidden("You have no role in this organisation yet.", code="no_role")
    offices = {name.removeprefix(OFFICE_GROUP) for name in names if name.startswith(OFFICE_GROUP)}
    return Caller(subject, role, frozenset(offices - {""}), key)


def access_to(method: str, path: str, caller: Caller) -> Access:
    """
    Return what *caller* may touch on a route (*path* is its template).

    Raises Forbidden (``role_forbidden``) when the role may not use the route,
    and for a route without a row: what nobody decided is not allowed; for an API
    key also ``person_required`` and ``test_key_forbidden`` (P3).
    """
    route = (method, path)
    scope = PERMISSIONS.get(route, {}).get(caller.role, Scope.NONE)
    if scope is Scope.NONE:
        raise Forbidden("Your role does not allow this.", code="role_forbidden")
    if caller.key is not None and route in PEOPLE_ONLY:
        raise Forbidden("Only a person may do this.", code="person_required")
    if caller.is_test and method != "GET" and route not in TEST_KEY_CHANGES:
        raise Forbidden("A test key may not do this.", code="test_key_forbidden")
    return Access(caller, scope)
