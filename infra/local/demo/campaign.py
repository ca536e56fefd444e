"""One campaign from a CSV to its verdict, through the HTTP API alone."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from carillon.adapters.audiences import S3Audiences
from carillon.adapters.dynamodb.items import from_item
from carillon.adapters.objects import S3Objects
from infra.local.carrier import Carrier
from infra.local.demo.api import Api
from infra.local.demo.contacts_file import first_phones
from infra.local.demo.progress import Progress
from infra.local.demo.report import print_figures, print_verdict
from infra.local.demo.verdict import judge
from infra.local.errors import LocalError
from infra.local.platform import LocalPlatform, Person

COUNTRY = "US"
SENDER_PHONE = "+18335550100"
SECRET = "carillon/demo"
MESSAGES_PER_SECOND = 100
BODY = (
    'Hi {{ first_name | default: "there" }}, our winter season starts on December 3. '
    "Reply YES to keep your seat. Bell Street Theatre. Reply STOP to opt out."
)
# So many people say STOP before the launch, and again so many while it runs.
EARLY_STOPS = 5
_COMES_TO_REST_S = 20.0


class Demo:
    """Sets an organisation up, runs its campaign and judges it."""

    def __init__(self, platform: LocalPlatform, carrier: Carrier, contacts: Path) -> None:
        self._platform = platform
        self._carrier = carrier
        self._contacts = contacts
        self._out = sys.stdout
        self.manager: Person | None = None
        # Whether somebody had to be left unsent, in their night.
        self._ended_early = False

    def run(self) -> bool:
        """Run it all; return whether the verdict is clean."""
        api, sender_id, office_id = self._organisation()
        list_id = self._import(api, office_id)
        self._early_stops()
        campaign_id = self._launch(api, office_id, sender_id, list_id)
        finished = self._follow(api, campaign_id)
        return self._report(api, campaign_id) and finished

    def _organisation(self) -> tuple[Api, str, str]:
        self._platform.keep_secret(SECRET, self._carrier.credentials)
        admin = self._api(self._platform.add_person("admin@example.com", role="admin"))
        office = admin.post("/v1/offices", {"name": "Bell Street", "timezone": "America/New_York"})
        self.manager = self._platform.add_person(
            "manager@example.com", role="manager", offices=[office["id"]]
        )
        api = self._api(self.manager)
        sender = api.post(
            "/v1/senders",
            {
                "office_id": office["id"],
                "name": "Box office",
                "phone": SENDER_PHONE,
                "provider": "twilio",
                "mps": MESSAGES_PER_SECOND,
                "credentials_secret": SECRET,
            },
        )
        inbound = f"{self._platform.webhook_url}/twilio/{sender['id']}/inbound"
        self._carrier.configure_number(SENDER_PHONE, inbound)
        return api, sender["id"], office["id"]

    def _api(self, person: Person) -> Api:
        token = self._platform.sign_in(person)
        return Api(self._platform.api_url, lambda: token)

    def _import(self, api: Api, office_id: str) -> str:
        self._say(f"Importing {self._contacts.name}")
        contact_list = api.post(
            "/v1/lists",
            {"office_id": office_id, "name": "Season guests", "default_country": COUNTRY},
        )
        path = f"/v1/lists/{contact_list['id']}/imports"
        begun = api.post(path)
        api.upload(begun["upload"], self._contacts)
        path = f"{path}/{begun['import']['id']}"
        api.post(f"{path}/start")
        done = api.wait_for(
            path,
            lambda job: job["status"] in ("done", "failed"),
            what="The import",
            timeout_s=600.0,
        )
        if done["status"] == "failed":
            raise LocalError(f"The import failed: {done.get('error')}")
        counts = ", ".join(
            f"{done[name]} {name}" for name in ("created", "duplicate", "invalid", "suppressed")
        )
        self._say(f"  {done['rows']} rows: {counts}")
        return str(contact_list["id"])

    def _early_stops(self) -> None:
        """Let some contacts text STOP before anybody was texted, and wait until it counts."""
        early = first_phones(self._contacts, COUNTRY, 2 * EARLY_STOPS)[:EARLY_STOPS]
        for phone in early:
            self._carrier.text(phone, SENDER_PHONE, "STOP")
        self._wait(lambda: set(early) <= set(self._suppressions()), "The early opt-outs")
        self._say(f"  {len(early)} of them have texted STOP before: they must not be texted")

    def _launch(self, api: Api, office_id: str, sender_id: str, list_id: str) -> str:
        campaign = api.post(
            "/v1/campaigns",
            {
                "title": "Winter season",
                "office_id": office_id,
                "body": BODY,
                "sender_ids": [sender_id],
                "list_ids": [list_id],
                "tags": ["demo"],
            },
        )
        path = f"/v1/campaigns/{campaign['id']}"
        api.post(f"{path}/launch")
        self._say("Launching the campaign “Winter season”")
        active = api.wait_for(
            path,
            lambda now: now["status"] not in ("processing", "scheduled"),
            what="Freezing the audience",
            timeout_s=300.0,
        )
        if active["status"] == "draft":
            raise LocalError(f"The launch was refused: {active['launch_error']}")
        for phone in first_phones(self._contacts, COUNTRY, 2 * EARLY_STOPS)[EARLY_STOPS:]:
            self._carrier.text(phone, SENDER_PHONE, "Please stop")
        return str(campaign["id"])

    def _follow(self, api: Api, campaign_id: str) -> bool:
        path = f"/v1/campaigns/{campaign_id}"

        def figures() -> Mapping[str, Any]:
            metrics: Mapping[str, Any] = api.get(f"{path}/metrics")["metrics"]
            return metrics

        total = api.get(path)["total"]
        over = Progress(self._out).follow(
            figures,
            lambda: bool(
                api.get(path)["status"] == "finished" or self._waits_for_morning(api, path)
            ),
            timeout_s=180.0 + total / MESSAGES_PER_SECOND * 10,
        )
        if not over:
            self._say("The campaign did not finish in time; here is how it stands.")
        until = self._waits_for_morning(api, path)
        if until:
            self._say(f"Whoever is left is in their quiet hours; the next are texted at {until}.")
            self._ended_early = True
        self._come_to_rest(figures)
        return over

    def _waits_for_morning(self, api: Api, path: str) -> str:
        """Return until when the campaign waits for the recipients' hours; empty if it does not."""
        campaign = api.get(path)
        is_held = campaign["status"] == "active" and campaign["hold_reason"] == "quiet_hours"
        return str(campaign.get("hold_until") or "") if is_held else ""

    def _come_to_rest(self, figures: Callable[[], Mapping[str, Any]]) -> None:
        """Wait until the last webhooks have passed the queues and the stream."""
        self._carrier.wait_idle(_COMES_TO_REST_S)
        deadline = time.monotonic() + _COMES_TO_REST_S
        before, same = None, 0
        while same < 4 and time.monotonic() < deadline:
            now = figures()
            same = same + 1 if now == before else 0
            before = now
            time.sleep(0.5)

    def _report(self, api: Api, campaign_id: str) -> bool:
        metrics = api.get(f"/v1/campaigns/{campaign_id}/metrics")["metrics"]
        campaign = api.get(f"/v1/campaigns/{campaign_id}")
        print_figures(metrics, self._out)
        findings = judge(
            campaign_id=campaign_id,
            ledger=self._carrier.ledger,
            items=self._items(campaign_id, campaign["parts"]),
            recipients=self._recipients(campaign_id, campaign["parts"]),
            suppressions=self._suppressions(),
            metrics=metrics,
            ended_early=self._ended_early,
        )
        return print_verdict(findings, self._out)

    def _items(self, campaign_id: str, parts: int) -> list[dict[str, Any]]:
        pages = self._platform.client("dynamodb").get_paginator("query")
        return [
            from_item(item)
            for part in range(parts)
            for page in pages.paginate(
                TableName=self._platform.outputs["MessagesTable"],
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"{campaign_id}#{part:05d}"}},
            )
            for item in page["Items"]
        ]

    def _recipients(self, campaign_id: str, parts: int) -> dict[str, str]:
        bucket = self._platform.outputs["FilesBucket"]
        audiences = S3Audiences(S3Objects(self._platform.client("s3"), bucket))
        return {
            recipient.key: recipient.phone
            for part in range(parts)
            for recipient in audiences.part(campaign_id, part)
        }

    def _suppressions(self) -> dict[str, dict[str, Any]]:
        pages = self._platform.client("dynamodb").get_paginator("scan")
        table = self._platform.outputs["SuppressionsTable"]
        items = [
            from_item(item) for page in pages.paginate(TableName=table) for item in page["Items"]
        ]
        return {item["pk"]: item for item in items}

    def _wait(self, ready: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline:
                raise LocalError(f"{what} did not arrive within {timeout_s:.0f} s.")
            time.sleep(0.1)

    def _say(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()
