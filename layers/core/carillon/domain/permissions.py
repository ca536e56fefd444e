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
_CONVERSED = _row(manager=_OWN, agent=_OWN, limited=_OWN)

# Agents see campaigns to know what they are answering; a limited user sees only
# campaigns they are an agent on, and a campaign has no agents yet: hence none.
PERMISSIONS: dict[Route, dict[Role, Scope]] = {
    ("GET", "/v1/me"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("GET", "/v1/offices"): _row(manager=_OWN, analyst=_OWN, agent=_OWN, limited=_OWN),
    ("POST", "/v1/offices"): _row(),
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
    ("GET", "/v1/campaigns"): _row(manager=_OWN, analyst=_OWN, agent=_OWN),
    ("POST", "/v1/campaigns"): _MANAGED,
    ("GET", "/v1/campaigns/{campaign_id}"): _row(manager=_OWN, analyst=_OWN, agent=_OWN),
    ("PATCH", "/v1/campaigns/{campaign_id}"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/launch"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/schedule"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/unschedule"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/pause"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/resume"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/end"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/archive"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/recount"): _MANAGED,
    # Agents see what the assistant says in their place; managers word it.
    ("GET", "/v1/campaigns/{campaign_id}/knowledge"): _row(manager=_OWN, analyst=_OWN, agent=_OWN),
    ("PUT", "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"): _MANAGED,
    ("DELETE", "/v1/campaigns/{campaign_id}/knowledge/{entry_id}"): _MANAGED,
    ("POST", "/v1/campaigns/{campaign_id}/assistant/try"): _MANAGED,
    ("GET", "/v1/campaigns/{campaign_id}/metrics"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/variants"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/leads"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/campaigns/{campaign_id}/leads/{phone}/why"): _row(manager=_OWN, agent=_OWN),
    ("GET", "/v1/senders/{sender_id}/performance"): _row(manager=_OWN, analyst=_OWN),
    ("GET", "/v1/analytics/summary"): _row(manager=_OWN, analyst=_OWN),
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

# Served to anybody, before a sign-in: the page itself and what it needs to sign in.
PUBLIC: frozenset[Route] = frozenset(
    {("GET", "/"), ("GET", "/config.json"), ("GET", "/assets/{file}")}
)


@dataclass(frozen=True)
class Caller:
    """A signed-in user. *offices* are office ids; they bind every role but admin."""

    subject: str
    role: Role
    offices: frozenset[str]

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


def sees_contacts(role: Role) -> bool:
    """Whether *role* may see people's numbers in full: who may open a contact list may."""
    return PERMISSIONS["GET", "/v1/lists/{list_id}"][role] is not Scope.NONE


def caller_of(subject: str, groups: Iterable[str]) -> Caller:
    """
    Return the caller whom the groups ``role.<role>`` and ``office.<office id>`` describe.

    Unknown groups are ignored. Raises Forbidden (``no_role``) without a known role.
    """
    names = list(groups)
    held = {name.removeprefix(ROLE_GROUP) for name in names if name.startswith(ROLE_GROUP)}
    role = next((role for role in Role if role.value in held), None)
    if role is None:
        raise Forbidden("You have no role in this organisation yet.", code="no_role")
    offices = {name.removeprefix(OFFICE_GROUP) for name in names if name.startswith(OFFICE_GROUP)}
    return Caller(subject, role, frozenset(offices - {""}))


def access_to(method: str, path: str, caller: Caller) -> Access:
    """
    Return what *caller* may touch on a route (*path* is its template).

    Raises Forbidden (``role_forbidden``) when the role may not use the route,
    and for a route without a row: what nobody decided is not allowed.
    """
    scope = PERMISSIONS.get((method, path), {}).get(caller.role, Scope.NONE)
    if scope is Scope.NONE:
        raise Forbidden("Your role does not allow this.", code="role_forbidden")
    return Access(caller, scope)
