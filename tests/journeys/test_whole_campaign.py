"""
A campaign on the local platform: the template's own functions, queues, streams and roles.

The carrier is the simulated one, on its own port, calling our webhooks with
Twilio's signatures; its ledger judges.
"""

import csv
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.carrier import Carrier, Scenario
from infra.local.demo.api import Api
from infra.local.demo.campaign import BODY, SENDER_PHONE, Demo
from infra.local.demo.daytime import COLUMN, zone_in_daytime
from infra.local.errors import LocalError
from infra.local.platform import LocalPlatform

pytestmark = pytest.mark.platform

QUAY = "https://quay.example.com/tides?from=sms"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Safari/604.1"
SCENARIO = Scenario(
    delivery_delay_s=(0.05, 0.4),
    reply_delay_s=(0.05, 0.3),
    reply_rate=0.15,
    stop_rate=0.1,
    failure_rates={30003: 0.05},
    rejection_rates={21614: 0.03},
    duplicate_receipt_rate=0.2,
    duplicate_inbound_rate=0.2,
    reorder_rate=0.2,
    receipts_before_answer_rate=0.1,
)


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    with Carrier(SCENARIO, webhook_concurrency=4) as carrier:
        yield carrier


@pytest.fixture(scope="module")
def demo(platform: LocalPlatform, carrier: Carrier, tmp_path_factory: Any) -> Demo:
    folder = tmp_path_factory.mktemp("contacts")
    return Demo(platform, carrier, contacts_file(folder / "guests.csv", 60))


def contacts_file(path: Path, count: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["First name", "Phone", COLUMN])
        zone = zone_in_daytime(datetime.now(UTC))
        rows.writerows([f"Guest{n}", f"+1415555{n:04d}", zone] for n in range(100, 100 + count))
    return path


@pytest.fixture(scope="module")
def verdict(demo: Demo) -> bool:
    return demo.run()


def test_a_csv_becomes_a_finished_campaign_with_a_clean_verdict(verdict: bool) -> None:
    assert verdict


def test_its_leads_and_its_sender_are_shown_as_its_figures_count_them(
    demo: Demo, platform: LocalPlatform, verdict: bool
) -> None:
    assert demo.manager is not None
    token = platform.sign_in(demo.manager)
    api = Api(platform.api_url, lambda: token)
    (campaign,) = api.get("/v1/campaigns?tab=active")["items"]
    path = f"/v1/campaigns/{campaign['id']}"

    figures = api.get(f"{path}/metrics")["metrics"]
    leads = api.get(f"{path}/leads?limit=200")["items"]
    failed = api.get(f"{path}/leads?limit=200&status=failed")["items"]
    sender = api.get(f"/v1/senders/{campaign['sender_ids'][0]}/performance")

    statuses = [lead["status"] for lead in leads]
    assert len(leads) == figures["total"]["value"] == 60
    assert statuses.count("delivered") == figures["contacts_messaged"]["value"]
    assert len(failed) == statuses.count("failed") > 0
    # Its confirmations of opt-outs are messages of the sender's too.
    assert sender["lifetime"]["sent"] >= figures["contacts_submitted"]["value"]
    assert sender["lifetime"]["segments"] == figures["segments"]["value"]


def wait_for(ready: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s:.0f} s"
        time.sleep(0.1)


class Office:
    """A second organisation corner for the tests that steer a campaign by hand."""

    def __init__(self, platform: LocalPlatform, carrier: Carrier, folder: Path) -> None:
        self.carrier = carrier
        platform.keep_secret("carillon/journey", carrier.credentials)
        person = platform.add_person("journey@example.com", role="admin")
        token = platform.sign_in(person)
        self.api = Api(platform.api_url, lambda: token)
        self.office = self.api.post("/v1/offices", {"name": "Quay", "timezone": "Europe/Paris"})
        self.contacts = contacts_file(folder / "quay.csv", 30)
        self.list_id = self._list()

    def sender(self, phone: str, mps: float) -> str:
        sender = self.api.post(
            "/v1/senders",
            {
                "office_id": self.office["id"],
                "name": "Quay",
                "phone": phone,
                "provider": "twilio",
                "mps": mps,
                "credentials_secret": "carillon/journey",
            },
        )
        self.carrier.configure_number(phone)
        return str(sender["id"])

    def campaign(self, title: str, sender_id: str) -> str:
        campaign = self.api.post(
            "/v1/campaigns",
            {
                "title": title,
                "office_id": self.office["id"],
                "body": f"{title} for {{{{ first_name }}}}: {{{{ links.quay }}}}",
                "links": [{"name": "quay", "url": QUAY}],
                "sender_ids": [sender_id],
                "list_ids": [self.list_id],
            },
        )
        return f"/v1/campaigns/{campaign['id']}"

    def status(self, path: str) -> str:
        return str(self.api.get(path)["status"])

    def sent(self, title: str) -> int:
        return len(self.texts(title))

    def texts(self, title: str) -> list[str]:
        return [
            attempt.body
            for attempts in self.carrier.ledger.accepted_by_phone().values()
            for attempt in attempts
            if attempt.body.startswith(title)
        ]

    def _list(self) -> str:
        made = self.api.post(
            "/v1/lists",
            {"office_id": self.office["id"], "name": "Quay", "default_country": "US"},
        )
        begun = self.api.post(f"/v1/lists/{made['id']}/imports")
        self.api.upload(begun["upload"], self.contacts)
        path = f"/v1/lists/{made['id']}/imports/{begun['import']['id']}"
        self.api.post(f"{path}/start")
        self.api.wait_for(path, lambda job: job["status"] == "done", what="The import")
        return str(made["id"])


@pytest.fixture(scope="module")
def office(platform: LocalPlatform, carrier: Carrier, tmp_path_factory: Any) -> Office:
    return Office(platform, carrier, tmp_path_factory.mktemp("quay"))


def test_a_paused_campaign_sends_nothing_more_and_a_resumed_one_texts_only_the_rest(
    office: Office,
) -> None:
    path = office.campaign("Tide", office.sender("+18335550111", mps=4))
    office.api.post(f"{path}/launch")
    wait_for(lambda: office.sent("Tide") >= 5, "the first messages")

    office.api.post(f"{path}/pause")
    time.sleep(0.5)
    at_pause = office.sent("Tide")
    time.sleep(2.0)
    after_pause = office.sent("Tide")
    office.api.post(f"{path}/resume")
    wait_for(lambda: office.status(path) == "finished", "the end", timeout_s=60)

    assert at_pause == after_pause < 30
    bodies = [
        (attempt.to, attempt.body)
        for attempts in office.carrier.ledger.accepted_by_phone().values()
        for attempt in attempts
        if attempt.body.startswith("Tide")
    ]
    assert len(bodies) == len(set(bodies))


def test_a_link_in_a_text_leads_where_the_campaign_says_and_the_click_is_counted(
    office: Office, platform: LocalPlatform
) -> None:
    """M6: the link is taken out of what the carrier was handed; nobody signs in to follow it."""
    path = office.campaign("Drift", office.sender("+18335550144", mps=10))
    office.api.post(f"{path}/launch")
    wait_for(lambda: office.status(path) == "finished", "the end", timeout_s=60)
    # Until then it has hardly reached the phone.
    time.sleep(3.0)
    (text, *_) = office.texts("Drift")
    link = text.partition(": ")[2]
    forged = link[:-3] + ("aaa" if not link.endswith("aaa") else "bbb")

    looked, opened, wrong = opening(link, "HEAD"), opening(link), opening(forged)

    assert link.startswith(f"{platform.outputs['LinkUrl']}/")
    assert (looked, opened, wrong) == ((302, QUAY), (302, QUAY), (404, None))
    wait_for(lambda: clicks(office, path) == (1, 1, 1), "the count")


def opening(link: str, method: str = "GET") -> tuple[int, str | None]:
    """Return the status and the address of what a phone's browser is answered."""
    parts = urllib.parse.urlsplit(link)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, parts.path, headers={"User-Agent": BROWSER})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Location"]
    finally:
        connection.close()


def clicks(office: Office, path: str) -> tuple[int, int, int]:
    """Return who clicked, how often people did, and how often machines."""
    figures = office.api.get(f"{path}/metrics")
    (link,) = figures["links"]
    clicked = figures["metrics"]["contacts_clicked"]["value"]
    return clicked, link["clicks"], link["machine_clicks"]


def test_a_due_campaign_starts_by_itself_and_an_ended_one_stops_for_good(
    office: Office, platform: LocalPlatform
) -> None:
    path = office.campaign("Ebb", office.sender("+18335550122", mps=2))
    soon = datetime.now(UTC) + timedelta(seconds=1)
    office.api.post(f"{path}/schedule", {"schedule_at": soon.isoformat()})
    assert office.status(path) == "scheduled"
    time.sleep(1.5)

    # What the schedule of the template does each minute.
    platform.client("lambda").invoke(FunctionName="carillon-start_due_campaigns", Payload=b"{}")
    wait_for(lambda: office.sent("Ebb") >= 2, "the first messages")
    office.api.post(f"{path}/end")
    time.sleep(0.5)
    at_end = office.sent("Ebb")
    time.sleep(2.0)

    assert office.sent("Ebb") == at_end < 30
    assert office.status(path) == "finished"
    with pytest.raises(LocalError, match="409"):
        office.api.post(f"{path}/resume")


def test_an_unsigned_webhook_is_refused_and_leaves_nothing(
    platform: LocalPlatform, office: Office
) -> None:
    sender_id = office.sender("+18335550133", mps=1)
    request = urllib.request.Request(
        f"{platform.webhook_url}/twilio/{sender_id}/inbound",
        data=b"From=%2B14155550100&To=%2B18335550133&Body=STOP&MessageSid=SM1",
        headers={"X-Twilio-Signature": "bm90IHNpZ25lZA=="},
    )

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)

    assert refused.value.code == 403


def test_no_message_ended_in_a_dead_letter_queue(platform: LocalPlatform, verdict: bool) -> None:
    sqs = platform.client("sqs")
    urls = [url for name, url in platform.outputs.items() if name.endswith("DeadQueueUrl")]

    waiting = {
        url.rsplit("/", 1)[-1]: sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        for url in urls
    }

    assert len(waiting) >= 7
    assert set(waiting.values()) == {"0"}, waiting


def test_the_functions_log_no_phone_number_and_no_text(
    platform: LocalPlatform, verdict: bool, office: Office
) -> None:
    logs = platform.logs()

    assert "sender_paced" in logs, "the logs were not there to be read"
    for forbidden in ("+1415555", "1415555", SENDER_PHONE, BODY[-40:], "Tide for", "Guest1"):
        assert forbidden not in logs
