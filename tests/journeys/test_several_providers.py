"""
One campaign over three providers, and one of them refuses the account half way (N2, N3, F7).

Twilio, Telnyx and AWS End User Messaging as the simulated carrier speaks them, each with its
own signatures and its own way back, on the local platform. The carrier's ledger judges: nobody
twice, nobody lost, whoever sent it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.carrier import Carrier, Scenario
from infra.local.demo.api import Api
from infra.local.platform import LocalPlatform
from tests.journeys.test_whole_campaign import contacts_file, wait_for

pytestmark = pytest.mark.platform

# Toll-free numbers have no area code of their own: who speaks to whom is left to the draw.
NUMBERS = {"twilio": "+18335550144", "telnyx": "+18885550155", "aws": "+18445550166"}
PEOPLE = 60
SCENARIO = Scenario(delivery_delay_s=(0.05, 0.3), answer_delay_s=(0.01, 0.05))


class Office:
    """An office with a sender at each provider, over one list of people."""

    def __init__(self, platform: LocalPlatform, carrier: Carrier, folder: Path) -> None:
        self.carrier = carrier
        self.stopped: set[str] = set()
        self._platform = platform
        person = platform.add_person("bridge@example.com", role="admin")
        token = platform.sign_in(person)
        self.api = Api(platform.api_url, lambda: token)
        self.office = self.api.post("/v1/offices", {"name": "Bridge", "timezone": "Europe/Paris"})
        self.senders = {name: self._sender(name, phone) for name, phone in NUMBERS.items()}
        self._list_id = self._list(contacts_file(folder / "bridge.csv", PEOPLE))

    def _sender(self, provider: str, phone: str) -> str:
        secret = f"carillon/bridge-{provider}"
        self._platform.keep_secret(secret, self.carrier.credentials_of(provider))
        sender = self.api.post(
            "/v1/senders",
            {
                "office_id": self.office["id"],
                "name": provider,
                "phone": phone,
                "provider": provider,
                "mps": 10,
                "credentials_secret": secret,
            },
        )
        inbound = f"{self._platform.webhook_url}/{provider}/{sender['id']}/inbound"
        self.carrier.configure_number(phone, inbound, dialect=provider)
        return str(sender["id"])

    def _list(self, contacts: Path) -> str:
        made = self.api.post(
            "/v1/lists",
            {"office_id": self.office["id"], "name": "Bridge", "default_country": "US"},
        )
        begun = self.api.post(f"/v1/lists/{made['id']}/imports")
        self.api.upload(begun["upload"], contacts)
        path = f"/v1/lists/{made['id']}/imports/{begun['import']['id']}"
        self.api.post(f"{path}/start")
        self.api.wait_for(path, lambda job: job["status"] == "done", what="The import")
        return str(made["id"])

    def launch(self, title: str) -> str:
        """Launch a campaign over all senders; return its path."""
        campaign = self.api.post(
            "/v1/campaigns",
            {
                "title": title,
                "office_id": self.office["id"],
                "body": f"{title} for {{{{ first_name }}}}",
                "sender_ids": list(self.senders.values()),
                "list_ids": [self._list_id],
            },
        )
        path = f"/v1/campaigns/{campaign['id']}"
        self.api.post(f"{path}/launch")
        return path

    def sent(self, title: str) -> list[tuple[str, str]]:
        """Return (phone, dialect) of each message of *title* that the carrier took."""
        return [
            (attempt.to, attempt.dialect)
            for attempts in self.carrier.ledger.accepted_by_phone().values()
            for attempt in attempts
            if attempt.body.startswith(title)
        ]

    def finish(self, path: str) -> dict[str, Any]:
        """Wait for the campaign's end; return its figures once the counters have come."""
        wait_for(lambda: self.api.get(path)["status"] == "finished", "the end", timeout_s=90)

        def figures() -> dict[str, Any]:
            found: dict[str, Any] = self.api.get(f"{path}/metrics")["metrics"]
            return found

        wait_for(lambda: figures()["progress"]["value"] == 100, "the counters", timeout_s=30)
        return figures()


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    # The emulator starts a process for every call at once: a herd of them stops it for a minute.
    with Carrier(SCENARIO, webhook_concurrency=4) as carrier:
        yield carrier


@pytest.fixture(scope="module")
def bridge(platform: LocalPlatform, carrier: Carrier, tmp_path_factory: Any) -> Office:
    topics = platform.client("sns")

    def publish(event: Mapping[str, Any]) -> None:
        topics.publish(TopicArn=platform.outputs["AwsSmsTopic"], Message=json.dumps(event))

    # AWS calls nobody: what it has to say goes to the stack's topic.
    carrier.configure_events("", publish)
    return Office(platform, carrier, tmp_path_factory.mktemp("bridge"))


def test_a_campaign_over_three_providers_texts_everybody_once_and_hears_from_each(
    bridge: Office,
) -> None:
    path = bridge.launch("Span")

    figures = bridge.finish(path)

    sent = bridge.sent("Span")
    assert len(sent) == len({phone for phone, _ in sent}) == PEOPLE
    by_provider = Counter(dialect for _, dialect in sent)
    assert min(by_provider[name] for name in NUMBERS) >= PEOPLE // 6
    # Each provider's receipts have found their rows.
    assert figures["contacts_messaged"]["value"] == PEOPLE


@pytest.mark.parametrize(("provider", "title"), [("telnyx", "Arch"), ("aws", "Pylon")])
def test_a_reply_and_a_stop_are_taken_in_through_whichever_provider(
    bridge: Office, provider: str, title: str
) -> None:
    path = bridge.launch(title)
    bridge.finish(path)
    mine = [phone for phone, dialect in bridge.sent(title) if dialect == provider]
    replier, stopper = mine[:2]

    bridge.carrier.text(replier, NUMBERS[provider], "see you there")
    bridge.carrier.text(stopper, NUMBERS[provider], "STOP")

    def responded() -> int:
        metrics = bridge.api.get(f"{path}/metrics")["metrics"]
        return int(metrics["contacts_responded"]["value"])

    wait_for(lambda: responded() == 2, "the replies", timeout_s=30)
    bridge.stopped.add(stopper)


def test_when_one_provider_refuses_the_account_the_others_take_over_its_people(
    bridge: Office,
) -> None:
    path = bridge.launch("Dock")
    wait_for(lambda: len(bridge.sent("Dock")) >= 10, "the first messages")
    bridge.carrier.play(Scenario(rejection_rates={20005: 1}), dialect="telnyx")

    bridge.finish(path)

    sent = bridge.sent("Dock")
    assert len(sent) == len({phone for phone, _ in sent})
    # All but those who said STOP, to whichever of our numbers.
    assert len(sent) == PEOPLE - len(bridge.stopped)
    assert not bridge.stopped & {phone for phone, _ in sent}
    by_provider = Counter(dialect for _, dialect in sent)
    assert by_provider["telnyx"] < min(by_provider["twilio"], by_provider["aws"])
    stopped = bridge.api.get(f"/v1/senders/{bridge.senders['telnyx']}")
    assert stopped["status"] == "suspended"
    assert stopped["problem"].startswith("telnyx:")
    for name in ("twilio", "aws"):
        assert bridge.api.get(f"/v1/senders/{bridge.senders[name]}")["status"] == "active"
