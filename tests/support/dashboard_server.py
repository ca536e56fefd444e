"""
A small real HTTP server for the dashboard's browser tests.

It serves ``functions/dashboard`` through events shaped like a REST API's, under a
stage, a canned ``/v1`` whose figures come from the domain, and as much of
Cognito as the page uses. ``Platform`` is its state; tests change it as they go.
"""

import importlib.util
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from carillon.domain.campaign import (
    Action,
    Campaign,
    CampaignStatus,
    allowed_actions,
    state_after,
    tab_of,
)
from carillon.domain.clock import to_iso
from carillon.domain.counters import total_of
from carillon.domain.metrics import (
    campaign_figures,
    costs_of,
    failures_of,
    links_of,
    summary_figures,
)
from carillon.domain.performance import campaign_comparison, variant_figures
from carillon.edge.json_bodies import to_json
from carillon.settings import Dashboard

DASHBOARD = Path(__file__).resolve().parents[2] / "functions" / "dashboard"
STAGE = "/app"
CLIENT_ID = "client-1"
NOON = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
AS_OF = to_iso(NOON + timedelta(minutes=20))
BERLIN = {"id": "off_berlin", "name": "Berlin", "timezone": "Europe/Berlin"}
NEW_YORK = {"id": "off_new_york", "name": "New York", "timezone": "America/New_York"}


def load_dashboard() -> ModuleType:
    """Return ``functions/dashboard/app.py`` as a module of its own name."""
    spec = importlib.util.spec_from_file_location("dashboard_app", DASHBOARD / "app.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(DASHBOARD / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_page_event(
    resource: str, *, file: str | None = None, headers: Mapping[str, str] | None = None, path: str
) -> dict[str, Any]:
    """Return what a REST API hands the dashboard's function for a GET of *path*."""
    return {
        "resource": resource,
        "path": path,
        "httpMethod": "GET",
        "headers": dict(headers or {}),
        "queryStringParameters": None,
        "pathParameters": {"file": file} if file is not None else None,
        "requestContext": {"resourcePath": resource, "httpMethod": "GET", "path": STAGE + path},
        "body": None,
        "isBase64Encoded": False,
    }


def a_campaign(campaign_id: str = "cmp_1", **changes: Any) -> Campaign:
    """Return an active campaign of the Berlin office, launched at NOON, with 1,000 leads."""
    plain = Campaign(
        id=campaign_id,
        title="Autumn check-in",
        office_id=BERLIN["id"],
        body="Hello {{first_name}}",
        sender_ids=("snd_1", "snd_2"),
        list_ids=("lst_1",),
        created_at=NOON - timedelta(days=1),
        updated_at=NOON,
        created_by="usr_1",
        status=CampaignStatus.ACTIVE,
        launched_at=NOON,
        total=1000,
        parts=2,
    )
    return replace(plain, **changes)


@dataclass
class User:
    """Somebody who may sign in."""

    password: str
    role: str = "manager"
    must_change_password: bool = False


@dataclass
class Platform:
    """What the server answers from; every field may be changed while it runs."""

    campaigns: list[Campaign] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    # What GET …/activity answers, beside the campaign's id and the zone asked for.
    activity: dict[str, dict[str, Any]] = field(default_factory=dict)
    leads: list[dict[str, Any]] = field(default_factory=list)
    # What was accepted on each UTC day, and by each sender: its name and its messages.
    used: dict[str, dict[str, int]] = field(default_factory=dict)
    senders: dict[str, tuple[str, int]] = field(default_factory=dict)
    # The keys of the leads that a figure counts, by its name.
    behind: dict[str, list[str]] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)
    offices: list[dict[str, str]] = field(default_factory=lambda: [BERLIN, NEW_YORK])
    users: dict[str, User] = field(
        default_factory=lambda: {
            "manager@example.org": User("correct horse"),
            "agent@example.org": User("correct horse", role="agent"),
            "new@example.org": User("first password", must_change_password=True),
        }
    )
    token_lifetime_s: int = 3600
    api_is_down: bool = False
    latency_s: float = 0.0
    requests: list[str] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _issued: int = 0

    def issue(self, email: str) -> dict[str, Any]:
        """Return Cognito's answer to a sign-in that succeeded."""
        self._issued += 1
        access, refresh = f"access-{self._issued}", f"refresh-{self._issued}"
        self._tokens[access] = self._tokens[refresh] = email
        result = {
            "AccessToken": access,
            "RefreshToken": refresh,
            "ExpiresIn": self.token_lifetime_s,
            "TokenType": "Bearer",
        }
        return {"AuthenticationResult": result, "ChallengeParameters": {}}

    def revoke_access_tokens(self) -> None:
        """Make every access token issued so far invalid; refresh tokens stay good."""
        self._tokens = {name: who for name, who in self._tokens.items() if "refresh" in name}

    def revoke_everything(self) -> None:
        """End every session."""
        self._tokens.clear()

    def revoke(self, token: str) -> None:
        """Make one token invalid."""
        self._tokens.pop(token, None)

    def owner(self, token: str) -> str | None:
        """Return the email to whom *token* belongs, None when it is not valid."""
        return self._tokens.get(token)

    def campaign(self, campaign_id: str) -> Campaign | None:
        """Return one campaign."""
        return next((one for one in self.campaigns if one.id == campaign_id), None)

    def act(self, campaign_id: str, action: str) -> Campaign:
        """Take *action* on a campaign as the API would."""
        campaign = self.campaign(campaign_id)
        if campaign is None:
            raise LookupError(campaign_id)
        changed = replace(campaign, status=state_after(campaign.status, Action(action)))
        self.campaigns[self.campaigns.index(campaign)] = changed
        return changed

    def metrics(self, campaign_id: str) -> dict[str, Any]:
        """Return a campaign's figures as the analytics API does."""
        campaign = self.campaign(campaign_id)
        if campaign is None:
            raise LookupError(campaign_id)
        counts = self.counts.get(campaign_id, {})
        return {
            "campaign_id": campaign_id,
            "as_of": AS_OF,
            "status": campaign.status,
            "metrics": campaign_figures(counts, total=campaign.total, active_senders=2),
            "failures": failures_of(counts),
            "costs": costs_of(counts),
            "links": links_of(counts, campaign.links),
            "activity": [],
            "recount": {"at": to_iso(NOON), "state": "exact", "drift": 0},
        }

    def summary(self) -> dict[str, Any]:
        """Return all campaigns' figures as the analytics API does."""
        counts = total_of(self.counts.values())
        launched = [one for one in self.campaigns if one.launched_at]
        return {
            **self._frame(),
            "campaigns": {
                "active": sum(one.status is CampaignStatus.ACTIVE for one in launched),
                "total": len(launched),
            },
            "metrics": summary_figures(counts),
            "failures": failures_of(counts),
            "costs": costs_of(counts),
        }

    def figures_list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the launched campaigns as the analytics API lists them, sorted as asked."""
        rows = [self._row(one) for one in self.campaigns if one.launched_at]
        asked = query.get("sort", "launched")
        sort = "launched_at" if asked == "launched" else asked
        rows.sort(key=lambda row: row[sort], reverse=query.get("order", "desc") == "desc")
        start, limit = int(query.get("cursor", "0")), int(query["limit"])
        after = start + limit
        rest = str(after) if after < len(rows) else None
        return {**self._frame(), "items": rows[start:after], "next_cursor": rest}

    def comparison(self, campaign_ids: list[str]) -> dict[str, Any]:
        """Return the campaigns side by side, as the analytics API does."""
        compared = campaign_comparison({one: self.counts.get(one, {}) for one in campaign_ids})
        rates = compared.pop("rates")
        campaigns = [one for one in self.campaigns if one.id in campaign_ids]
        return {
            "as_of": AS_OF,
            "campaigns": [
                {"campaign_id": one.id, "title": one.title, "status": one.status, **rates[one.id]}
                for one in campaigns
            ],
            **compared,
        }

    def usage(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return what was used within ``from`` and ``to``, or in 7 days, as the API does."""
        first = query.get("from", "2026-11-14")
        behind = date.fromisoformat(query.get("to", "2026-11-20")) + timedelta(days=1)
        counts = total_of(one for day, one in self.used.items() if first <= day < f"{behind}")
        messages, pictures = counts.get("submitted", 0), counts.get("mms_messages", 0)
        segments = counts.get("segments", 0)
        total = {"messages": messages, "segments": segments, "costs": costs_of(counts)}
        office = {"office_id": BERLIN["id"]}
        return {
            "as_of": AS_OF,
            "from": f"{first}T00:00:00Z",
            "to": f"{behind}T00:00:00Z",
            "zone": "UTC",
            "preset": None if "from" in query else query["preset"],
            "total": total,
            "by_office": [{**office, **total}],
            "by_sender": [
                {"sender_id": sender, "name": name, **office, "messages": sent, "segments": sent}
                for sender, (name, sent) in self.senders.items()
            ],
            "by_channel": [
                {"channel": "sms", "messages": messages - pictures, "segments": segments},
                {"channel": "mms", "messages": pictures, "segments": 0},
            ],
        }

    def activity_of(self, campaign_id: str, zone: str) -> dict[str, Any]:
        """Return a campaign's activity as the analytics API does."""
        nothing: dict[str, Any] = {"granularity": None, "buckets": []}
        own = self.activity.get(campaign_id, nothing)
        return {"campaign_id": campaign_id, "as_of": AS_OF, "zone": zone, **own}

    def variants(self, campaign_id: str) -> dict[str, Any]:
        """Return a campaign's variants as the analytics API does."""
        figures = variant_figures(self.counts.get(campaign_id, {}))
        return {"campaign_id": campaign_id, "as_of": AS_OF, **figures}

    def leads_page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the leads, filtered by status and by what they are counted in."""
        behind = self.behind.get(query.get("figure", ""), [one["key"] for one in self.leads])
        found = [
            one
            for one in self.leads
            if query.get("status", one["status"]) == one["status"] and one["key"] in behind
        ]
        start, limit = int(query.get("cursor", "0")), int(query["limit"])
        after = start + limit
        rest = str(after) if after < len(found) else None
        return {"as_of": AS_OF, "items": found[start:after], "next_cursor": rest}

    def _frame(self) -> dict[str, Any]:
        start = to_iso(NOON - timedelta(days=6))
        return {"as_of": AS_OF, "from": start, "to": AS_OF, "zone": BERLIN["timezone"]}

    def _row(self, campaign: Campaign) -> dict[str, Any]:
        figures = summary_figures(self.counts.get(campaign.id, {}))
        return {
            "campaign_id": campaign.id,
            "title": campaign.title,
            "office_id": campaign.office_id,
            "status": campaign.status,
            "type": campaign.type,
            "tags": campaign.tags,
            "launched_at": to_iso(campaign.launched_at or NOON),
            "created_by": campaign.created_by,
            "mode": campaign.operated_by,
            "messaged": figures["contacts_messaged"]["value"],
            "responded": figures["contacts_responded"]["value"],
            "rate": figures["rate_of_engagement"]["value"],
        }


Reply = tuple[int, dict[str, str], str]


def _json_reply(status: int, body: Any) -> Reply:
    kind = "application/json" if status < 400 else "application/problem+json"
    return status, {"Content-Type": kind}, to_json(body)


def _problem(status: int, code: str, detail: str) -> Reply:
    return _json_reply(status, {"status": status, "code": code, "detail": detail})


def _campaign_json(campaign: Campaign) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(to_json(campaign))
    return {
        **body,
        "tab": tab_of(campaign.status),
        "allowed_actions": allowed_actions(campaign.status),
        "missing_for_launch": campaign.missing_for_launch(),
    }


class Api:
    """``/v1`` over a Platform."""

    PAGE = 25

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def answer(self, method: str, path: str, query: Mapping[str, str], token: str) -> Reply:
        """Return the answer to one request."""
        platform = self._platform
        if platform.api_is_down:
            return 502, {"Content-Type": "text/plain"}, "Bad gateway"
        email = platform.owner(token)
        if email is None:
            return _problem(401, "unauthenticated", "Sign in with an access token.")
        role = platform.users[email].role
        plain = {
            "/v1/me": {"subject": "usr_1", "role": role, "offices": ["off_berlin"]},
            "/v1/offices": {"items": platform.offices, "next_cursor": None},
        }
        if path in plain:
            return _json_reply(200, plain[path])
        if path == "/v1/campaigns":
            return self._list(query)
        if path.startswith("/v1/analytics/") and role != "agent":
            return self._analytics(path.removeprefix("/v1/analytics/"), query)
        return self._one(method, path, role, query)

    def _analytics(self, what: str, query: Mapping[str, str]) -> Reply:
        platform = self._platform
        if query.get("zone") == "Nowhere":
            return _problem(400, "unknown_zone", "zone must be the name of a time zone.")
        if what == "campaigns/csv":
            rows = platform.figures_list(query)["items"]
            lines = ["campaign_id,title", *(f"{row['campaign_id']},{row['title']}" for row in rows)]
            return 200, {"Content-Type": "text/csv"}, "\r\n".join(lines)
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "summary": platform.summary,
            "series": lambda: {**platform.summary(), **platform.series},
            "campaigns": lambda: platform.figures_list(query),
            "comparison": lambda: platform.comparison(query["campaign_ids"].split(",")),
            "usage": lambda: platform.usage(query),
        }
        return _json_reply(200, answers[what]())

    def _list(self, query: Mapping[str, str]) -> Reply:
        mine = [one for one in self._platform.campaigns if one.tab == query.get("tab", "active")]
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", str(self.PAGE)))
        after = start + limit
        items = [_campaign_json(one) for one in mine[start:after]]
        return _json_reply(
            200, {"items": items, "next_cursor": str(after) if after < len(mine) else None}
        )

    def _one(self, method: str, path: str, role: str, query: Mapping[str, str]) -> Reply:
        match = re.fullmatch(r"/v1/campaigns/([^/]+)(?:/(\w+))?", path)
        campaign = self._platform.campaign(unquote(match[1])) if match else None
        if match is None or campaign is None:
            return _problem(404, "not_found", "There is no such campaign.")
        if match[2] is None:
            return _json_reply(200, _campaign_json(campaign))
        if role == "agent":
            return _problem(403, "role_forbidden", "Your role does not allow this.")
        if method == "GET":
            return _json_reply(200, self._figures(campaign.id, match[2], query))
        return _json_reply(200, _campaign_json(self._platform.act(campaign.id, match[2])))

    def _figures(self, campaign_id: str, what: str, query: Mapping[str, str]) -> dict[str, Any]:
        platform = self._platform
        if what == "activity":
            return platform.activity_of(campaign_id, query["zone"])
        if what == "variants":
            return platform.variants(campaign_id)
        return platform.leads_page(query) if what == "leads" else platform.metrics(campaign_id)


class Identity:
    """As much of Cognito's JSON protocol as the page speaks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def answer(self, target: str, body: Mapping[str, Any]) -> Reply:
        """Return the answer to one operation."""
        operation = target.rpartition(".")[2]
        if operation == "RespondToAuthChallenge":
            return self._new_password(body)
        if operation == "RevokeToken":
            self._platform.revoke(body["Token"])
            return _json_reply(200, {})
        if body["AuthFlow"] == "REFRESH_TOKEN_AUTH":
            return self._refresh(body["AuthParameters"]["REFRESH_TOKEN"])
        return self._password(body["AuthParameters"])

    def _password(self, given: Mapping[str, str]) -> Reply:
        user = self._platform.users.get(given["USERNAME"])
        if user is None or user.password != given["PASSWORD"]:
            return _refused("NotAuthorizedException", "Incorrect username or password.")
        if user.must_change_password:
            challenge = {
                "ChallengeName": "NEW_PASSWORD_REQUIRED",
                "Session": f"session of {given['USERNAME']}",
                "ChallengeParameters": {"USER_ID_FOR_SRP": given["USERNAME"]},
            }
            return _json_reply(200, challenge)
        return _json_reply(200, self._platform.issue(given["USERNAME"]))

    def _new_password(self, body: Mapping[str, Any]) -> Reply:
        email, password = (body["ChallengeResponses"][key] for key in ("USERNAME", "NEW_PASSWORD"))
        if len(password) < 12:
            return _refused("InvalidPasswordException", "Password not long enough")
        self._platform.users[email] = replace(
            self._platform.users[email], password=password, must_change_password=False
        )
        return _json_reply(200, self._platform.issue(email))

    def _refresh(self, token: str) -> Reply:
        email = self._platform.owner(token)
        if email is None:
            return _refused("NotAuthorizedException", "Refresh Token has been revoked")
        answer = self._platform.issue(email)
        # Cognito keeps the old refresh token unless rotation is switched on.
        answer["AuthenticationResult"].pop("RefreshToken")
        return _json_reply(200, answer)


def _refused(code: str, message: str) -> Reply:
    return (
        400,
        {"Content-Type": "application/x-amz-json-1.1"},
        json.dumps({"__type": code, "message": message}),
    )


def _handler(platform: Platform, site_event: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(self._answer("GET", ""))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            self._reply(self._answer("POST", self.rfile.read(length).decode()))

        def _answer(self, method: str, body: str) -> Reply:
            url = urlsplit(self.path)
            platform.requests.append(f"{method} {self.path}")
            if method == "POST" and url.path == "/":
                target = self.headers["X-Amz-Target"]
                return Identity(platform).answer(target, json.loads(body))
            path = url.path.removeprefix(STAGE)
            if path.startswith("/v1/"):
                time.sleep(platform.latency_s)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                return Api(platform).answer(method, path, query, token)
            answer = site_event(path, dict(self.headers))
            return answer["statusCode"], answer["headers"], answer["body"]

        def _reply(self, reply: Reply) -> None:
            status, headers, text = reply
            payload = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: the platform keeps the requests."""

    return Handler


def _site_event(module: ModuleType) -> Any:
    def answer(path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        asset = re.fullmatch(r"/assets/([^/]+)", path)
        resource = "/assets/{file}" if asset else path
        file = unquote(asset[1]) if asset else None
        event = a_page_event(resource, file=file, headers=headers, path=path)
        result: dict[str, Any] = module.lambda_handler(event, None)
        return result

    return answer


@contextmanager
def serving(platform: Platform) -> Iterator[str]:
    """Serve *platform* on a free loopback port; yields the dashboard's address."""
    module = load_dashboard()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(platform, _site_event(module)))
    origin = f"http://127.0.0.1:{server.server_port}"
    settings = Dashboard(
        user_pool_client_id=CLIENT_ID,
        identity_endpoint=f"{origin}/",
        organisation_name="Bell & Daughters",
    )
    site = module.site_for(settings)
    module.build = lambda: site  # type: ignore[attr-defined]  # this copy of the module is ours
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{origin}{STAGE}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
