"""Ways to drive the simulated carrier in tests: a bare HTTP client and Twilio's own SDK."""

import base64
import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from infra.local.carrier import Carrier

NUMBER = "+12025550100"
PHONE = "+12025550142"

# The fixture that starts carriers: (scenario, **options) -> running carrier.
RunCarrier = Callable[..., Carrier]


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def request(
    carrier: Carrier,
    method: str,
    path: str,
    *,
    form: dict[str, str] | None = None,
    body: Any = None,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10,
) -> Reply:
    """Send one request, signed in at Twilio's; http.client's and socket's errors escape."""
    token = token or carrier.credentials["auth_token"]
    login = base64.b64encode(f"{carrier.account_sid}:{token}".encode()).decode()
    sent_headers = {"Authorization": f"Basic {login}", **(headers or {})}
    data = json.dumps(body) if body is not None else None
    if form is not None:
        data = urlencode(form)
        sent_headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(
        carrier.base_url.removeprefix("http://"), timeout=timeout_s
    )
    try:
        connection.request(method, path, data, sent_headers)
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, json.loads(response.read()), told)
    finally:
        connection.close()


def send(carrier: Carrier, to: str = PHONE, *, timeout_s: float = 10, **form: str) -> Reply:
    """Ask to send one message; *form* overrides and adds Twilio's parameters."""
    path = f"/2010-04-01/Accounts/{carrier.account_sid}/Messages.json"
    values = {"To": to, "From": NUMBER, "Body": "Hello", **form}
    return request(carrier, "POST", path, form=values, timeout_s=timeout_s)


def phones(count: int) -> list[str]:
    """Return *count* different phones."""
    return [f"+1415555{number:04d}" for number in range(count)]


class _ToCarrier(TwilioHttpClient):  # type: ignore[misc]  # untyped without its stubs
    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(
            method, url.replace("https://api.twilio.com", self._base_url), *args, **kwargs
        )


def sdk(carrier: Carrier, token: str = "") -> Any:
    """Return Twilio's official client, talking to *carrier* instead of api.twilio.com."""
    return Client(
        carrier.account_sid,
        token or carrier.credentials["auth_token"],
        http_client=_ToCarrier(carrier.base_url),
    )
