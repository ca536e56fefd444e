"""
Conversations on the local platform: people text, agents and the assistant answer (V1 to V7, O1).

The carrier's ledger judges what a phone got; the API says what an agent sees of it.
"""

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local.carrier import Carrier, Scenario
from infra.local.demo.api import Api
from infra.local.demo.daytime import COLUMN, zone_in_daytime
from infra.local.platform import LocalPlatform
from tests.journeys.test_whole_campaign import wait_for

pytestmark = pytest.mark.platform

SCENARIO = Scenario(delivery_delay_s=(0.05, 0.3), answer_delay_s=(0.01, 0.05))
AGENTS_NUMBER, ASSISTANTS_NUMBER = "+18335550171", "+18335550172"
# People of this file alone: an opt-out holds for every campaign of the platform.
ADA, BEN, CLEO, FAY = (f"+1415555070{number}" for number in (1, 2, 3, 4))
DORA, EMIL = "+14155550711", "+14155550712"
STRANGER = "+14155550799"
NAMES = {ADA: "Ada", BEN: "Ben", CLEO: "Cleo", FAY: "Fay", DORA: "Dora", EMIL: "Emil"}
OPENING_HOURS = "We are open from 9 to 5, Monday to Friday."


class Agent:
    """Somebody at their inbox; ``post`` gives the refusals as well."""

    def __init__(self, platform: LocalPlatform, email: str, office_id: str) -> None:
        token = platform.sign_in(platform.add_person(email, role="agent", offices=[office_id]))
        self._url, self._token = platform.api_url, token
        self._pool = urllib3.PoolManager()
        self.api = Api(platform.api_url, lambda: token)

    def reply(self, conversation: dict[str, Any], text: str) -> tuple[int, Any]:
        """Reply to *conversation* as it was read; return the status and what it was answered."""
        answer = self._pool.request(
            "POST",
            f"{self._url}/v1/conversations/{conversation['id']}/messages",
            body=json.dumps({"text": text}).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "If-Match": f'"{conversation["version"]}"',
            },
        )
        return answer.status, json.loads(answer.data)


class Inbox:
    """An office with a campaign of its agents' and one of the assistant's, both just sent."""

    def __init__(self, platform: LocalPlatform, carrier: Carrier, folder: Path) -> None:
        self.carrier = carrier
        self._platform, self._folder = platform, folder
        platform.keep_secret("carillon/pier", carrier.credentials)
        token = platform.sign_in(platform.add_person("pier@example.com", role="admin"))
        self.admin = Api(platform.api_url, lambda: token)
        self.office_id = self.admin.post("/v1/offices", {"name": "Pier", "timezone": "UTC"})["id"]
        self.agents = [Agent(platform, f"{n}@pier.example", self.office_id) for n in (1, 2)]
        numbers = (AGENTS_NUMBER, ASSISTANTS_NUMBER)
        self._senders = {number: self._sender(number) for number in numbers}
        self.of_agents = self._campaign("Regatta", AGENTS_NUMBER, [ADA, BEN, CLEO])
        self.of_assistant = self._campaign(
            "Regatta", ASSISTANTS_NUMBER, [DORA, EMIL], operated_by="assistant"
        )
        self._know("hours", OPENING_HOURS, ["When are you open?", "What are your hours?"])
        for path in (self.of_agents, self.of_assistant):
            self.admin.post(f"{path}/launch")
        texted = (ADA, BEN, CLEO, DORA, EMIL)
        wait_for(lambda: all(map(self.got, texted)), "the campaigns", timeout_s=60)

    def launch(self, title: str, phones: list[str]) -> None:
        """Launch another campaign of the agents' to *phones*."""
        path = self._campaign(title, AGENTS_NUMBER, phones)
        self.admin.post(f"{path}/launch")

    def _sender(self, number: str) -> str:
        sender = self.admin.post(
            "/v1/senders",
            {
                "office_id": self.office_id,
                "name": "Pier",
                "phone": number,
                "provider": "twilio",
                "mps": 20,
                "credentials_secret": "carillon/pier",
            },
        )
        inbound = f"{self._platform.webhook_url}/twilio/{sender['id']}/inbound"
        self.carrier.configure_number(number, inbound)
        return str(sender["id"])

    def _campaign(
        self, title: str, number: str, phones: list[str], operated_by: str = "agent"
    ) -> str:
        campaign = self.admin.post(
            "/v1/campaigns",
            {
                "title": title,
                "office_id": self.office_id,
                "body": f"{{{{ first_name }}}}, the {title.lower()} starts on Sunday.",
                "operated_by": operated_by,
                "sender_ids": [self._senders[number]],
                "list_ids": [self._list(phones)],
            },
        )
        return f"/v1/campaigns/{campaign['id']}"

    def _list(self, phones: list[str]) -> str:
        file = self._folder / "contacts.csv"
        with file.open("w", newline="", encoding="utf-8") as opened:
            rows = csv.writer(opened)
            zone = zone_in_daytime(datetime.now(UTC))
            rows.writerow(["First name", "Phone", COLUMN])
            rows.writerows([NAMES[phone], phone, zone] for phone in phones)
        made = self.admin.post(
            "/v1/lists", {"office_id": self.office_id, "name": "Pier", "default_country": "US"}
        )
        begun = self.admin.post(f"/v1/lists/{made['id']}/imports")
        self.admin.upload(begun["upload"], file)
        path = f"/v1/lists/{made['id']}/imports/{begun['import']['id']}"
        self.admin.post(f"{path}/start")
        self.admin.wait_for(path, lambda job: job["status"] == "done", what="The import")
        return str(made["id"])

    def _know(self, entry_id: str, answer: str, questions: list[str]) -> None:
        body = {"answer": answer, "questions": questions}
        self.admin.put(f"{self.of_assistant}/knowledge/{entry_id}", body)

    def got(self, phone: str) -> list[str]:
        """Return what *phone* was sent, as the carrier knows."""
        accepted = self.carrier.ledger.accepted_by_phone().get(phone, [])
        return [attempt.body for attempt in accepted]

    def found(self, phone: str) -> dict[str, Any] | None:
        """Return the conversation with *phone* as an agent finds it."""
        shown = self.agents[0].api.get(f"/v1/conversations?office_id={self.office_id}&limit=50")
        return next((one for one in shown["items"] if one["phone"] == phone), None)

    def with_(self, phone: str, **values: Any) -> dict[str, Any]:
        """Return the conversation with *phone* once it has *values*."""
        known: list[dict[str, Any]] = []

        def stands() -> bool:
            one = self.found(phone)
            known[:] = [one] if one is not None else []
            return one is not None and all(one[name] == value for name, value in values.items())

        wait_for(stands, f"a conversation with {values}", timeout_s=40)
        return known[0]

    def said(self, conversation: dict[str, Any]) -> list[tuple[str, str]]:
        """Return (author, text) of the transcript."""
        shown = self.agents[0].api.get(f"/v1/conversations/{conversation['id']}/messages")
        return [(one["author"], one["text"]) for one in shown["items"]]

    def figure(self, path: str, name: str) -> Any:
        return self.admin.get(f"{path}/metrics")["metrics"][name]["value"]


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    # The emulator starts a process for every call at once: a herd of them stops it for a minute.
    with Carrier(SCENARIO, webhook_concurrency=4) as carrier:
        yield carrier


@pytest.fixture(scope="module")
def inbox(platform: LocalPlatform, carrier: Carrier, tmp_path_factory: Any) -> Inbox:
    return Inbox(platform, carrier, tmp_path_factory.mktemp("pier"))


def test_of_two_agents_one_answers_and_the_phone_gets_it_once(inbox: Inbox) -> None:
    inbox.carrier.text(ADA, AGENTS_NUMBER, "Is there parking?")
    one = inbox.with_(ADA, section="needs_attention")
    assert (one["first_name"], one["last_text"]) == ("Ada", "Is there parking?")

    with ThreadPoolExecutor(2) as both:
        texts = ("Yes, by the pier.", "No, there is none.")
        answers = list(both.map(lambda agent, text: agent.reply(one, text), inbox.agents, texts))

    assert sorted(status for status, _ in answers) == [202, 412]
    given = texts[[status for status, _ in answers].index(202)]
    initial = "Ada, the regatta starts on Sunday."
    wait_for(lambda: len(inbox.got(ADA)) > 1, "the answer")
    wait_for(
        lambda: inbox.figure(inbox.of_agents, "total_agent_responses") == 1, "the counters", 40
    )
    assert inbox.got(ADA) == [initial, given]
    assert inbox.said(inbox.with_(ADA, section="agent_operated")) == [
        ("campaign", initial),
        ("contact", "Is there parking?"),
        ("agent", given),
    ]
    assert inbox.figure(inbox.of_agents, "median_agent_response_time") >= 0


def test_who_says_stop_after_an_agents_answer_gets_no_further_one(inbox: Inbox) -> None:
    agent, _ = inbox.agents
    inbox.carrier.text(BEN, AGENTS_NUMBER, "Who is this?")
    status, _ = agent.reply(inbox.with_(BEN, section="needs_attention"), "It is the Pier.")
    assert status == 202
    wait_for(lambda: len(inbox.got(BEN)) == 2, "the answer")

    inbox.carrier.text(BEN, AGENTS_NUMBER, "STOP")
    one = inbox.with_(BEN, opt_out="auto")
    wait_for(lambda: len(inbox.got(BEN)) == 3, "the confirmation")
    refused, problem = agent.reply(one, "Are you sure?")

    assert (refused, problem["code"]) == (409, "contact_opted_out")
    assert one["section"] == "agent_operated"
    assert inbox.carrier.wait_idle()
    # Opening, answer and the confirmation of the STOP.
    assert len(inbox.got(BEN)) == 3


def test_the_assistant_answers_what_it_knows_once_and_hands_over_what_it_does_not(
    inbox: Inbox,
) -> None:
    inbox.carrier.text(DORA, ASSISTANTS_NUMBER, "When are you open?")
    inbox.carrier.text(EMIL, ASSISTANTS_NUMBER, "My bicycle has a flat tyre")

    wait_for(lambda: len(inbox.got(DORA)) > 1, "the assistant's answer", timeout_s=40)
    handed_over = inbox.with_(EMIL, section="needs_attention")
    wait_for(
        lambda: inbox.figure(inbox.of_assistant, "total_assistant_responses") == 1,
        "the counters",
        timeout_s=40,
    )

    assert inbox.got(DORA)[1:] == [OPENING_HOURS]
    answered = inbox.with_(DORA, section="assistant_operated")
    assert inbox.said(answered)[1:] == [
        ("contact", "When are you open?"),
        ("assistant", OPENING_HOURS),
    ]
    assert handed_over["operated_by"] == "agent"
    assert len(inbox.got(EMIL)) == 1


def test_who_may_have_meant_to_opt_out_is_held_until_an_agent_lets_them_go(inbox: Inbox) -> None:
    agent, _ = inbox.agents
    inbox.carrier.text(CLEO, AGENTS_NUMBER, "not interested, who gave you my number")
    held = inbox.with_(CLEO, section="needs_attention")
    assert (held["is_held"], held["opt_out"]) == (True, None)

    inbox.launch("Fair", [CLEO, FAY])
    wait_for(lambda: inbox.got(FAY) != [], "the campaign to the others")
    agent.api.post(f"/v1/conversations/{held['id']}/release-hold")
    inbox.launch("Concert", [CLEO, FAY])
    wait_for(lambda: len(inbox.got(CLEO)) > 1, "the campaign after the release")

    # Of what came while they were held they are told later, if a person lets them go.
    assert inbox.got(CLEO)[1:] == ["Cleo, the concert starts on Sunday."]
    assert inbox.with_(CLEO, is_held=False)["opt_out"] is None


def test_a_message_from_a_stranger_opens_a_conversation_of_no_campaign(inbox: Inbox) -> None:
    inbox.carrier.text(STRANGER, AGENTS_NUMBER, "Is this the pier?")

    one = inbox.with_(STRANGER, section="needs_attention")

    assert (one["campaign_id"], one["first_name"]) == (None, "")
    assert inbox.said(one) == [("contact", "Is this the pier?")]
    assert inbox.got(STRANGER) == []
