"""The mirror of opt-out lists, composed as in Lambda, beside a carrier that plays AWS."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from carillon.adapters import aws as clients
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.mirror import LedgerNews
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.providers import aws
from carillon.domain.message import Suppression
from infra.local.carrier import Carrier, Scenario
from tests.support.messages import LEAD, PHONE, a_claim, submit
from tests.support.sending import a_sender
from tests.support.sending_functions import (
    Context,
    Deployment,
    a_batch,
    a_receipt_message,
    an_inbound_message,
    deployment,
)

NUMBER = "+12025550100"
LIST = "aws:us-east-1:Default"
MINUTES = timedelta(minutes=2)


@pytest.fixture
def deployed() -> Iterator[Deployment]:
    clients.unrepeating_client.cache_clear()
    with deployment() as made:
        yield made
    clients.unrepeating_client.cache_clear()


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    """AWS, which answers STOP itself."""
    with Carrier(Scenario(provider_handles_stop=True), numbers={}) as running:
        running.configure_number(NUMBER, dialect="aws")
        yield running


def keep_aws_sender(
    deployed: Deployment, secret: dict[str, str], sender_id: str = "snd_aws", **changes: Any
) -> None:
    name = f"carillon/{sender_id}"
    deployed.secrets.create_secret(Name=name, SecretString=json.dumps(secret))
    deployed.stores.keep_sender(
        a_sender(sender_id, provider="aws", credentials_secret=name, **changes)
    )


def mirror(deployed: Deployment, left_ms: int = 180_000) -> dict[str, dict[str, int]]:
    done: dict[str, dict[str, int]] = deployed.invoke("mirror_opt_outs", {}, Context(left_ms))
    return done


def listed(carrier: Carrier) -> set[str]:
    """Return who stands on the carrier's list."""
    client = boto3.client(aws.SERVICE, endpoint_url=carrier.base_url)
    page = client.describe_opted_out_numbers(OptOutListName="Default")
    return {entry["OptedOutNumber"] for entry in page["OptedOutNumbers"]}


def opted_out(deployed: Deployment, phone: str = PHONE) -> bool | None:
    standing = deployed.stores.suppressions.of(phone)
    return None if standing is None else standing.opted_out


def test_a_stop_that_aws_answered_is_an_opt_out_here(
    deployed: Deployment, carrier: Carrier
) -> None:
    keep_aws_sender(deployed, carrier.credentials_of("aws"))
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()

    done = mirror(deployed)

    assert done[LIST]["opted_out_here"] == 1
    standing = deployed.stores.suppressions.of(PHONE)
    assert standing is not None
    assert (standing.opted_out, standing.source, standing.cause) == (True, "provider", LIST)
    assert datetime.now(UTC) - standing.event_at < timedelta(minutes=1)


def test_a_stop_to_another_providers_number_is_noted_and_reaches_the_list(
    deployed: Deployment, carrier: Carrier
) -> None:
    deployed.stores.keep_sender(a_sender())
    keep_aws_sender(deployed, carrier.credentials_of("aws"))
    deployed.invoke("process_inbound", a_batch(an_inbound_message("STOP")))

    mirror(deployed)

    assert noted(deployed) == [PHONE]
    assert listed(carrier) == {PHONE}


def test_a_start_that_was_noted_takes_the_number_off_the_list(
    deployed: Deployment, carrier: Carrier
) -> None:
    keep_aws_sender(deployed, carrier.credentials_of("aws"))
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()
    mirror(deployed)
    now = datetime.now(UTC)
    # Recorded a while ago: what is younger than a minute is no news yet.
    recorded = DynamoSuppressions(
        deployed.stores.client, "SuppressionsTable", "ConsentTable", lambda: now - MINUTES
    )
    recorded.opt_in(
        Suppression(
            phone=PHONE,
            opted_out=False,
            event_at=now + timedelta(seconds=1),
            source="keyword",
            cause="SM2",
        )
    )

    done = mirror(deployed)

    assert (done[LIST]["told"], done[LIST]["taken_off_there"]) == (1, 1)
    assert (listed(carrier), opted_out(deployed)) == (set(), False)


def test_a_second_run_finds_nothing_to_do(deployed: Deployment, carrier: Carrier) -> None:
    keep_aws_sender(deployed, carrier.credentials_of("aws"))
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()
    mirror(deployed)

    assert mirror(deployed) == {LIST: {}}


def test_a_list_that_several_senders_share_is_mirrored_once(
    deployed: Deployment, carrier: Carrier
) -> None:
    for sender_id in ("snd_aws", "snd_more"):
        keep_aws_sender(deployed, carrier.credentials_of("aws"), sender_id)

    assert list(mirror(deployed)) == [LIST]


@pytest.mark.parametrize(
    ("secret", "changes"),
    [
        ({"opt_out_list": ""}, {}),
        ({}, {"status": "suspended"}),
        ({"configuration_set": ""}, {"provider": "twilio"}),
    ],
    ids=["names no list", "suspended", "another provider's"],
)
def test_a_list_that_no_active_sender_of_awss_names_is_left_alone(
    deployed: Deployment, carrier: Carrier, secret: dict[str, str], changes: dict[str, str]
) -> None:
    name = "carillon/one"
    values = {**carrier.credentials_of("aws"), **secret}
    deployed.secrets.create_secret(Name=name, SecretString=json.dumps(values))
    deployed.stores.keep_sender(
        a_sender("snd_one", **{"provider": "aws", "credentials_secret": name, **changes})
    )
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()

    assert mirror(deployed) == {}
    assert opted_out(deployed) is None


def test_a_broken_secret_and_a_missing_list_hold_up_no_other_list(
    deployed: Deployment,
    carrier: Carrier,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = carrier.credentials_of("aws")
    keep_aws_sender(deployed, {"opt_out_list": "Default"}, "snd_broken", created_at=_day(1))
    deployed.stores.keep_sender(
        a_sender("snd_gone", provider="aws", credentials_secret="carillon/gone")
    )
    keep_aws_sender(deployed, {**good, "opt_out_list": "Lost"}, "snd_lost", created_at=_day(2))
    keep_aws_sender(deployed, good, "snd_good", created_at=_day(3))
    carrier.text(PHONE, NUMBER, "STOP")
    carrier.wait_idle()

    done = mirror(deployed)

    assert (list(done), opted_out(deployed)) == (["aws:us-east-1:Lost", LIST], True)
    printed = capsys.readouterr().out
    assert '"opt_out_list_failed":[1.0]' in printed.replace(" ", "")
    logged = [(record.getMessage(), vars(record).get("code")) for record in caplog.records]
    assert logged.count(("opt_out_list_failed", "opt_out_list_not_found")) == 1
    assert logged.count(("opt_out_list_unknown", None)) == 2
    assert not any(PHONE in str(vars(record)) for record in caplog.records)


def _day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def noted(deployed: Deployment) -> list[str]:
    news = LedgerNews(DynamoConsentLedger(deployed.stores.client, "ConsentTable"))
    return [phone for _, phone in news.after("", datetime.now(UTC) + timedelta(minutes=1), 10)]


def test_an_opt_out_that_a_receipt_tells_of_is_noted_for_the_lists(deployed: Deployment) -> None:
    deployed.stores.keep_sender(a_sender())
    submit(deployed.stores.messages, a_claim(), 1)

    deployed.invoke(
        "process_receipts", a_batch(a_receipt_message(LEAD, "failed", ErrorCode="21610"))
    )

    assert (opted_out(deployed), noted(deployed)) == (True, [PHONE])
