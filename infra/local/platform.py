"""
Carillon on this machine: the emulator, the deployed template, and people who can sign in.

    with LocalPlatform() as platform:
        manager = platform.add_person("manager@example.com", role="manager", offices=["off_1"])
        token = platform.sign_in(manager)

Nothing is left behind: no process, port or folder (but *state*, when it is asked for).
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from infra.local.deploy import ROOT, STACK, STAGE, Layers, deploy, gateway_url
from infra.local.emulator import Emulator, running_emulator


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    email: str
    password: str


class LocalPlatform:
    """
    A running, deployed Carillon; a context manager.

    *port* 0 takes any free one. *enforce_iam* makes the emulator check every call
    against the function's role. *state* is a folder that keeps tables, files and users
    from run to run, at the same *port*. *parameters* are the template's. Raises LocalError.
    """

    emulator: Emulator
    # The stack's outputs by key, as in template.yaml; the URLs in it are AWS's, ours are below.
    outputs: dict[str, str]

    def __init__(
        self,
        *,
        port: int = 0,
        enforce_iam: bool = False,
        state: Path | None = None,
        layers: Layers = Layers.SOURCE,
        parameters: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ) -> None:
        self._port = port
        self._enforce_iam = enforce_iam
        self._state = state
        self._layers = layers
        self._parameters = dict(parameters or {})
        self._root = root
        self._open = ExitStack()

    def __enter__(self) -> "LocalPlatform":
        with ExitStack() as starting:
            self.emulator = starting.enter_context(
                running_emulator(port=self._port, enforce_iam=self._enforce_iam, state=self._state)
            )
            self.outputs = deploy(
                self.emulator, root=self._root, parameters=self._parameters, layers=self._layers
            )
            self._open = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def api_url(self) -> str:
        """The people's API, without a final slash: paths begin with /v1."""
        return gateway_url(self.emulator, f"{STACK}-api", STAGE)

    @property
    def dashboard_url(self) -> str:
        """The dashboard's first page."""
        return f"{self.api_url}/"

    @property
    def webhook_url(self) -> str:
        """What the carrier calls and signs, without a final slash."""
        return self.outputs["WebhookUrl"]

    def client(self, service: str) -> Any:
        """Return a boto3 client of *service* that may do everything."""
        return self.emulator.client(service)

    def add_person(self, email: str, *, role: str, offices: Sequence[str] = ()) -> Person:
        """Let somebody sign in as *role* with a new password; again only renews the password."""
        pool = {"UserPoolId": self.outputs["UserPoolId"]}
        cognito = self.client("cognito-idp")
        person = Person(email, f"Carillon-{secrets.token_urlsafe(9)}-1a")
        with suppress(cognito.exceptions.UsernameExistsException):
            cognito.admin_create_user(**pool, Username=email, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(
            **pool, Username=email, Password=person.password, Permanent=True
        )
        for group in (f"role.{role}", *(f"office.{office}" for office in offices)):
            with suppress(cognito.exceptions.GroupExistsException):
                cognito.create_group(**pool, GroupName=group)
            cognito.admin_add_user_to_group(**pool, Username=email, GroupName=group)
        return person

    def sign_in(self, person: Person) -> str:
        """Return an access token, for ``Authorization: Bearer <token>``; good for an hour."""
        answer = self.client("cognito-idp").initiate_auth(
            ClientId=self.outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    def keep_secret(self, name: str, value: Mapping[str, str]) -> None:
        """Store a provider's credentials under *name* (the template allows ``carillon/…``)."""
        store = self.client("secretsmanager")
        text = json.dumps(value)
        try:
            store.create_secret(Name=name, SecretString=text)
        except store.exceptions.ResourceExistsException:
            store.put_secret_value(SecretId=name, SecretString=text)

    def logs(self) -> str:
        """Return every line that the functions and gateways logged until now, oldest first."""
        pages = self.client("logs").get_paginator("filter_log_events")
        events = [
            event
            for group in self._log_groups()
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
        ]
        events.sort(key=lambda event: event["timestamp"])
        return "\n".join(event["message"] for event in events)

    def _log_groups(self) -> list[str]:
        pages = self.client("logs").get_paginator("describe_log_groups").paginate()
        return [group["logGroupName"] for page in pages for group in page["logGroups"]]
