"""Twilio's official SDK can drive the carrier as if it were Twilio."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException

from infra.local.carrier import Carrier, Scenario
from tests.support.carrier_client import NUMBER, PHONE, RunCarrier, phones, sdk

SERVICE = "MG" + "5e" * 16


def test_a_created_message_has_every_field_of_twilios_resource(carrier: Carrier) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    message = sdk(carrier).messages.create(to=PHONE, from_=NUMBER, body="Héllo 👋")

    assert re.fullmatch(r"SM[0-9a-f]{32}", message.sid)
    assert (message.to, message.from_, message.body) == (PHONE, NUMBER, "Héllo 👋")
    assert (message.status, message.direction) == ("queued", "outbound-api")
    assert (message.num_segments, message.num_media) == ("1", "0")
    assert (message.price, message.price_unit, message.error_code) == (None, "USD", None)
    assert before <= message.date_created <= datetime.now(UTC)
    assert message.date_sent is None
    assert message.account_sid == carrier.account_sid
    assert message.api_version == "2010-04-01"
    assert message.uri == (
        f"/2010-04-01/Accounts/{carrier.account_sid}/Messages/{message.sid}.json"
    )
    assert message.subresource_uris == {
        "media": message.uri.replace(".json", "/Media.json"),
    }


def test_a_fetched_message_shows_its_final_state(carrier: Carrier) -> None:
    client = sdk(carrier)
    sid = client.messages.create(to=PHONE, from_=NUMBER, body="Hello").sid
    carrier.wait_idle()

    message = client.messages(sid).fetch()

    assert (message.sid, message.status) == (sid, "delivered")
    assert message.date_sent is not None


def test_a_fetched_failure_shows_its_code(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(failure_rates={30006: 1.0}))
    client = sdk(carrier)
    sid = client.messages.create(to=PHONE, from_=NUMBER, body="Hello").sid
    carrier.wait_idle()

    message = client.messages(sid).fetch()

    assert (message.status, message.error_code) == ("undelivered", 30006)
    assert message.error_message == "Landline or unreachable carrier"


def test_a_service_chooses_the_number_after_the_answer(carrier: Carrier) -> None:
    carrier.configure_service(SERVICE, (NUMBER,))
    client = sdk(carrier)

    created = client.messages.create(to=PHONE, messaging_service_sid=SERVICE, body="Hello")
    carrier.wait_idle()

    assert (created.status, created.from_, created.num_segments) == ("accepted", None, "0")
    assert created.messaging_service_sid == SERVICE
    assert client.messages(created.sid).fetch().from_ == NUMBER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"to": "12025550142"}, 21211),
        ({"to": "+1 202 555 0142"}, 21211),
        ({"to": NUMBER}, 21211),
        ({"to": ""}, 21604),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"from_": "+12025550199"}, 21659),
        ({"from_": ""}, 21603),
        ({"status_callback": "not a url"}, 21609),
        ({"status_callback": "http://127.0.0.1:99999/s"}, 21609),
        ({"status_callback": "http://[/s"}, 21609),
        ({"status_callback": "http://127.0.0.1/s HTTP/1.1"}, 21609),
        ({"from_": "", "messaging_service_sid": SERVICE}, 21701),
    ],
)
def test_a_wrong_request_is_a_400_with_twilios_code(
    carrier: Carrier, values: dict[str, str], code: int
) -> None:
    order = {"to": PHONE, "from_": NUMBER, "body": "Hello", **values}

    with pytest.raises(TwilioRestException) as refused:
        sdk(carrier).messages.create(**order)

    assert (refused.value.status, refused.value.code) == (400, code)
    assert carrier.ledger.accepted_by_phone() == {}


@pytest.mark.parametrize("code", [21211, 21408, 21610, 21611, 21612, 21614])
def test_a_refusal_of_the_scenario_reaches_the_sdk_with_its_code(
    run_carrier: RunCarrier, code: int
) -> None:
    carrier = run_carrier(Scenario(rejection_rates={code: 1.0}))

    with pytest.raises(TwilioRestException) as refused:
        sdk(carrier).messages.create(to=PHONE, from_=NUMBER, body="Hello")

    assert (refused.value.status, refused.value.code) == (400, code)
    assert [attempt.code for attempt in carrier.ledger.attempts()] == [code]


def test_a_wrong_token_is_a_401_with_code_20003(carrier: Carrier) -> None:
    with pytest.raises(TwilioRestException) as refused:
        sdk(carrier, token="wrong").messages.create(to=PHONE, from_=NUMBER, body="Hello")

    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert "Authenticate" in refused.value.msg


def test_the_former_token_signs_in_as_long_as_it_is_kept_valid(carrier: Carrier) -> None:
    former = carrier.credentials["auth_token"]
    carrier.rotate_token("another token", still_valid=(former,))

    sdk(carrier, token=former).messages.create(to=PHONE, from_=NUMBER, body="Hello")
    carrier.rotate_token("another token")

    with pytest.raises(TwilioRestException) as refused:
        sdk(carrier, token=former).messages.create(to=PHONE, from_=NUMBER, body="Hello")
    assert refused.value.code == 20003


def test_an_unknown_message_is_a_404_with_code_20404(carrier: Carrier) -> None:
    with pytest.raises(TwilioRestException) as refused:
        sdk(carrier).messages("SM" + "0" * 32).fetch()

    assert (refused.value.status, refused.value.code) == (404, 20404)


def test_a_list_is_newest_first_and_pages_to_the_end(carrier: Carrier) -> None:
    client = sdk(carrier)
    sent = [client.messages.create(to=to, from_=NUMBER, body="Hi").sid for to in phones(7)]

    listed = [message.sid for message in client.messages.stream(page_size=3)]

    assert listed == list(reversed(sent))


def test_a_message_that_arrives_between_two_pages_repeats_and_hides_nothing(
    carrier: Carrier,
) -> None:
    client = sdk(carrier)
    sent = [client.messages.create(to=to, from_=NUMBER, body="Hi").sid for to in phones(4)]
    first = client.messages.page(page_size=2)
    shown = [message.sid for message in first]

    client.messages.create(to=PHONE, from_=NUMBER, body="Hi")
    shown += [message.sid for message in first.next_page()]

    assert shown == list(reversed(sent))


def test_a_page_names_its_neighbours(carrier: Carrier) -> None:
    client = sdk(carrier)
    for to in phones(3):
        client.messages.create(to=to, from_=NUMBER, body="Hi")

    first = client.messages.page(page_size=2)
    second = client.messages.get_page(first.next_page_url)

    assert first.previous_page_url is None
    assert [message.to for message in second] == [phones(3)[0]]
    assert second.next_page_url is None
    assert [m.to for m in client.messages.get_page(second.previous_page_url)] == [
        phones(3)[2],
        phones(3)[1],
    ]


def test_a_list_is_filtered_by_to_and_from(carrier: Carrier) -> None:
    client = sdk(carrier)
    carrier.configure_number("+12025550101")
    client.messages.create(to=PHONE, from_=NUMBER, body="one")
    client.messages.create(to=PHONE, from_="+12025550101", body="two")
    client.messages.create(to="+12025550143", from_=NUMBER, body="three")

    to_phone = client.messages.list(to=PHONE)
    of_number = client.messages.list(to=PHONE, from_=NUMBER)

    assert [message.body for message in to_phone] == ["two", "one"]
    assert [message.body for message in of_number] == ["one"]


def test_a_list_is_filtered_by_date_sent(carrier: Carrier) -> None:
    client = sdk(carrier)
    client.messages.create(to=PHONE, from_=NUMBER, body="Hello")
    carrier.wait_idle()
    now = datetime.now(UTC)
    hour = timedelta(hours=1)

    def count(**dates: object) -> int:
        return len(client.messages.list(**dates))

    assert count(date_sent_after=now - hour, date_sent_before=now + hour) == 1
    assert count(date_sent_after=now + hour) == 0
    assert count(date_sent_before=now - hour) == 0
    assert count(date_sent=now.date()) == 1
    assert count(date_sent=now.date() - timedelta(days=1)) == 0


def test_a_lagging_list_hides_a_new_message_that_a_fetch_shows(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(list_lag_s=60))
    client = sdk(carrier)

    sid = client.messages.create(to=PHONE, from_=NUMBER, body="Hello").sid

    assert client.messages.list(to=PHONE) == []
    assert client.messages(sid).fetch().sid == sid


def test_too_many_a_second_is_a_429_with_code_20429(run_carrier: RunCarrier) -> None:
    carrier = run_carrier(Scenario(messages_per_second=1))
    client = sdk(carrier)
    client.messages.create(to=PHONE, from_=NUMBER, body="Hello")

    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to="+12025550143", from_=NUMBER, body="Hello")

    assert (refused.value.status, refused.value.code) == (429, 20429)
    assert list(carrier.ledger.accepted_by_phone()) == [PHONE]


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("x" * 160, "1"),
        ("x" * 161, "2"),
        ("€" * 80, "1"),
        # An escape pair that would straddle two parts moves to the next one whole.
        ("x" * 152 + "€" + "x" * 152, "3"),
        ("ж" * 70, "1"),
        ("ж" * 71, "2"),
        ("ж" * 66 + "👋" + "ж" * 66, "3"),
    ],
)
def test_segments_are_counted_as_billed(carrier: Carrier, body: str, segments: str) -> None:
    message = sdk(carrier).messages.create(to=PHONE, from_=NUMBER, body=body)

    assert message.num_segments == segments
