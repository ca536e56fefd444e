"""
The user pool: accounts, invitations and the groups that stand in tokens (P2).

A user is found by the subject of their tokens, which in a pool that signs in by e-mail is the
pool's own user name. Roles are the groups ``role.<role>``, offices ``office.<office id>``; an
office's group is made when somebody first gets into it. The pool writes the invitation itself.
"""

from collections.abc import Mapping
from typing import Any

from carillon.domain.errors import Conflict, InvalidInput, NotFound, Throttled
from carillon.domain.listing import Listing, Position
from carillon.domain.people import Account
from carillon.domain.permissions import OFFICE_GROUP, ROLE_GROUP, Role

# Cognito's own most for a page.
_MOST = 60
_OURS = (ROLE_GROUP, OFFICE_GROUP)
_INVITED = "FORCE_CHANGE_PASSWORD"


class CognitoUsers:
    """Implements ``ports.UserDirectory`` for one user pool."""

    def __init__(self, client: Any, pool_id: str) -> None:
        self._client = client
        self._pool_id = pool_id

    def invite(self, email: str) -> Account:
        """Make an account and have its owner told; Conflict (``user_exists``) for a known one."""
        answer = self._call(
            "admin_create_user",
            Username=email,
            UserAttributes=_attributes(email=email, email_verified="true"),
            DesiredDeliveryMediums=["EMAIL"],
        )
        return self._account(answer["User"], frozenset())

    def resend(self, email: str) -> None:
        """Have the owner told again, with another temporary password."""
        self._call(
            "admin_create_user",
            Username=email,
            MessageAction="RESEND",
            DesiredDeliveryMediums=["EMAIL"],
        )

    def get(self, user_id: str) -> Account:
        """Return the account; raises NotFound (``user_not_found``)."""
        return self._named(user_id)

    def with_email(self, email: str) -> Account:
        """Return the account of an address; raises NotFound (``user_not_found``)."""
        return self._named(email)

    def page(self, limit: int, after: Position | None) -> Listing[Account]:
        """Return up to *limit* accounts (at most 60), in the pool's own order."""
        start = {"PaginationToken": _token(after, "users")} if after else {}
        answer = self._call("list_users", Limit=min(limit, _MOST), **start)
        return self._listing(answer["Users"], answer.get("PaginationToken"), "users")

    def members(self, office_id: str, limit: int, after: Position | None) -> Listing[Account]:
        """Return who is in the office's group, as ``page`` does."""
        group = f"{OFFICE_GROUP}{office_id}"
        start = {"NextToken": _token(after, group)} if after else {}
        try:
            answer = self._call(
                "list_users_in_group", GroupName=group, Limit=min(limit, _MOST), **start
            )
        except self._client.exceptions.ResourceNotFoundException:
            # Nobody has been put into the office yet.
            return Listing(())
        return self._listing(answer["Users"], answer.get("NextToken"), group)

    def admins(self) -> list[Account]:
        """Return everybody in the group of admins."""
        pages = self._client.get_paginator("list_users_in_group").paginate(
            UserPoolId=self._pool_id, GroupName=f"{ROLE_GROUP}{Role.ADMIN}"
        )
        users = [user for page in pages for user in page["Users"]]
        return [self._account(user, self._groups(user["Username"])) for user in users]

    def set_groups(self, user_id: str, groups: frozenset[str]) -> None:
        """Put the account into exactly *groups* of ours, leaving first; see the port."""
        held = {one for one in self._groups(user_id) if one.startswith(_OURS)}
        # Leaving first: of two roles the more powerful counts.
        for group in sorted(held - groups):
            self._call("admin_remove_user_from_group", Username=user_id, GroupName=group)
        for group in sorted(groups - held):
            self._join(user_id, group)

    def disable(self, user_id: str) -> None:
        """Let the account sign in no more, and end its sessions; again is no error."""
        self._call("admin_disable_user", Username=user_id)
        self._call("admin_user_global_sign_out", Username=user_id)

    def enable(self, user_id: str) -> None:
        """Let the account sign in again; again is no error."""
        self._call("admin_enable_user", Username=user_id)

    def _join(self, user_id: str, group: str) -> None:
        try:
            self._call("admin_add_user_to_group", Username=user_id, GroupName=group)
        except self._client.exceptions.ResourceNotFoundException:
            self._make_group(group)
            self._call("admin_add_user_to_group", Username=user_id, GroupName=group)

    def _make_group(self, group: str) -> None:
        try:
            self._call("create_group", GroupName=group)
        except self._client.exceptions.GroupExistsException:
            # Somebody else was faster, which is as good.
            return

    def _named(self, name: str) -> Account:
        user = self._call("admin_get_user", Username=name)
        return self._account(user, self._groups(user["Username"]))

    def _listing(
        self, users: list[dict[str, Any]], token: str | None, listing: str
    ) -> Listing[Account]:
        accounts = tuple(self._account(one, self._groups(one["Username"])) for one in users)
        return Listing(accounts, {"listing": listing, "token": token} if token else None)

    def _groups(self, name: str) -> frozenset[str]:
        pages = self._client.get_paginator("admin_list_groups_for_user").paginate(
            UserPoolId=self._pool_id, Username=name
        )
        return frozenset(group["GroupName"] for page in pages for group in page["Groups"])

    def _account(self, user: Mapping[str, Any], groups: frozenset[str]) -> Account:
        listed = user.get("Attributes") or user.get("UserAttributes") or []
        known = {one["Name"]: one["Value"] for one in listed}
        return Account(
            id=known["sub"],
            email=known.get("email", ""),
            groups=groups,
            enabled=user["Enabled"],
            confirmed=user["UserStatus"] != _INVITED,
            created_at=user["UserCreateDate"],
        )

    def _call(self, operation: str, **request: Any) -> Any:
        """Return the pool's answer; its errors become ours, but for those about groups."""
        known = self._client.exceptions
        try:
            return getattr(self._client, operation)(UserPoolId=self._pool_id, **request)
        except known.UserNotFoundException as error:
            raise NotFound("There is no such user.", code="user_not_found") from error
        except known.UsernameExistsException as error:
            raise Conflict("This address is a user's already.", code="user_exists") from error
        except known.TooManyRequestsException as error:
            raise Throttled("The user pool is busy.", retry_after_s=1) from error


def _attributes(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _token(after: Position, listing: str) -> str:
    if set(after) != {"listing", "token"} or after["listing"] != listing:
        raise InvalidInput(
            "This cursor belongs to another listing.", field="cursor", code="cursor_invalid"
        )
    return after["token"]
