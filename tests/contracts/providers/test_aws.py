"""AWS End User Messaging SMS: the wire, every refusal, every event, and the mirrored opt-outs."""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import urllib3
from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters import aws as clients
from carillon.adapters.providers import aws
from carillon.adapters.providers.contract import ProviderModule, WebhookCall
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.errors import (
    AccountBlocked,
    CarillonError,
    Conflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from carillon.domain.lead import LeadStatus
from carillon.domain.message import Accepted, CallbackRef, Outgoing, Receipt, Reply, RowRef
from carillon.domain.opt_out_mirror import ListedOptOut
from carillon.domain.provider_codes import CodeKind
from carillon.domain.provider_codes.aws import CODES
from carillon.ports import ProviderOptOuts
from tests.support.messages import LEAD, PHONE
from tests.support.provider_server import Answer, provider_server

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBER = "+12025550100"
REF = CallbackRef(LEAD, "0123456789abcdef")
MESSAGE = Outgoing(
    sender=NUMBER,
    recipient=PHONE,
    text="Grüße & 50 % off? +1 👋",
    status_callback="https://hooks.example.com/aws/snd_a/status?ref=abc",
    ref_token=REF.token,
)
SECRET = {"region": "us-east-1", "configuration_set": "carillon"}
TAKEN = Answer(200, {"MessageId": "862a8790-60c0-4430-9b2b-658bdexample"})
JSON_1_0 = "application/x-amz-json-1.0"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    # A session that another test made would go on with that test's credentials.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    clients.unrepeating_client.cache_clear()
    yield
    clients.unrepeating_client.cache_clear()


def account(**changes: str) -> aws.AwsSms:
    made = aws.MODULE.account({**SECRET, **changes}, urllib3.PoolManager())
    assert isinstance(made, aws.AwsSms)
    return made


def impatient(base_url: str) -> aws.AwsSms:
    """An account at *base_url* that waits for an answer a moment only."""
    client = clients.unrepeating_client(
        aws.SERVICE,
        connect_timeout_s=0.5,
        read_timeout_s=0.2,
        region="us-east-1",
        endpoint_url=base_url,
    )
    return aws.AwsSms(aws.AwsSmsSettings.from_secret(SECRET), client)


def refusal(name: str, status: int = 400, **fields: str) -> Answer:
    """An error as AWS's JSON protocol writes it."""
    body = {"__type": f"com.amazonaws.pinpointsmsvoicev2#{name}", "Message": "no", **fields}
    return Answer(status, body, {"Content-Type": JSON_1_0})


def test_the_module_is_one_of_a_provider() -> None:
    module: ProviderModule = aws.MODULE

    assert module.name == "aws"


# Sending: the wire ----------------------------------------------------------------


def test_a_text_is_one_signed_request_as_the_api_documents_it() -> None:
    with provider_server(TAKEN) as server:
        accepted = account(endpoint_url=server.base_url).send(MESSAGE)

    (request,) = server.requests
    assert accepted == Accepted("862a8790-60c0-4430-9b2b-658bdexample")
    assert (request.method, request.target) == ("POST", "/")
    assert request.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert request.headers["content-type"] == JSON_1_0
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=emulated/")
    assert "/us-east-1/sms-voice/aws4_request" in request.headers["authorization"]
    assert request.json == {
        "DestinationPhoneNumber": PHONE,
        "OriginationIdentity": NUMBER,
        "MessageBody": MESSAGE.text,
        "ConfigurationSetName": "carillon",
        "Context": {"carillon_ref": REF.token},
    }


def test_media_go_by_the_other_operation_with_the_text_if_there_is_one() -> None:
    media = replace(MESSAGE, media_urls=("s3://files/media/flyer.png",), valid_for_s=3600)
    with provider_server(TAKEN) as server:
        sender = account(endpoint_url=server.base_url, message_type="PROMOTIONAL")
        sender.send(media)
        sender.send(replace(media, text=""))

    with_text, alone = server.requests
    assert with_text.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendMediaMessage"
    # This operation knows no message type.
    assert with_text.json == {
        "DestinationPhoneNumber": PHONE,
        "OriginationIdentity": NUMBER,
        "MessageBody": MESSAGE.text,
        "MediaUrls": ["s3://files/media/flyer.png"],
        "ConfigurationSetName": "carillon",
        "Context": {"carillon_ref": REF.token},
        "TimeToLive": 3600,
    }
    assert "MessageBody" not in alone.json


@pytest.mark.parametrize("sender", ["CARILLON", "pool-0123abcd", "arn:aws:sms-voice:x:1:pool/p"])
def test_a_name_a_pool_and_an_arn_are_senders_as_well(sender: str) -> None:
    with provider_server(TAKEN) as server:
        account(endpoint_url=server.base_url).send(replace(MESSAGE, sender=sender))

    assert server.requests[0].json["OriginationIdentity"] == sender


def test_the_message_type_is_the_secrets() -> None:
    with provider_server(TAKEN) as server:
        account(endpoint_url=server.base_url, message_type="promotional").send(MESSAGE)

    assert server.requests[0].json["MessageType"] == "PROMOTIONAL"


@pytest.mark.parametrize(
    ("valid_for_s", "sent"), [(1, 5), (5, 5), (600, 600), (259_200, 259_200), (400_000, 259_200)]
)
def test_a_validity_is_kept_within_what_the_api_takes(valid_for_s: int, sent: int) -> None:
    with provider_server(TAKEN) as server:
        account(endpoint_url=server.base_url).send(replace(MESSAGE, valid_for_s=valid_for_s))

    assert server.requests[0].json["TimeToLive"] == sent


def test_our_longest_reference_fits_a_context_entry() -> None:
    row = RowRef(f"cmp_{'a' * 32}#99999", "f" * 40)
    token = CallbackRef(row, "0123456789abcdef0123456789abcdef").token
    shape = boto3.client(aws.SERVICE, region_name="us-east-1").meta.service_model.shape_for(
        "ContextValue"
    )

    assert len(token) <= shape.metadata["max"]
    assert token == token.strip()


LOST: list[tuple[Answer, type[CarillonError]]] = [
    (Answer(hang_up=True), OutcomeUnknown),
    (refusal("InternalServerException", 500), OutcomeUnknown),
    (Answer(502, b"<html>bad gateway</html>"), OutcomeUnknown),
    (Answer(503, b""), OutcomeUnknown),
    (refusal("ServiceUnavailable", 503), OutcomeUnknown),
    (refusal("RequestTimeoutException", 408), OutcomeUnknown),
    (refusal("SomethingNewException"), OutcomeUnknown),
    (Answer(302, b"", {"Location": "http://127.0.0.1:9/"}), OutcomeUnknown),
    (Answer(200, {}), OutcomeUnknown),
    (Answer(200, {"MessageId": ""}), OutcomeUnknown),
    (Answer(200, b"<html>hello</html>"), OutcomeUnknown),
    (Answer(200, b""), OutcomeUnknown),
    (Answer(200, b"[]"), OutcomeUnknown),
    (Answer(200, {"MessageId": 7}), OutcomeUnknown),
    (Answer(400, b"null"), OutcomeUnknown),
    (Answer(500, b'"down"'), OutcomeUnknown),
    (refusal("ThrottlingException"), Throttled),
    (Answer(429, b""), Throttled),
    (refusal("ValidationException"), Rejected),
]


@pytest.mark.parametrize(("answer", "error"), LOST, ids=lambda value: str(value)[:60])
def test_whatever_is_answered_a_message_is_asked_for_once(
    answer: Answer, error: type[CarillonError]
) -> None:
    with provider_server(answer) as server, pytest.raises(error) as raised:
        account(endpoint_url=server.base_url).send(MESSAGE)

    assert type(raised.value) is error
    assert len(server.requests) == 1


def test_an_answer_that_does_not_come_leaves_the_message_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(OutcomeUnknown) as raised:
            impatient(f"http://127.0.0.1:{port}").send(MESSAGE)

        silent.settimeout(0.2)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):  # nobody knocked a second time
            silent.accept()

    assert raised.value.provider_code == "aws:ReadTimeoutError"


def test_a_refused_connection_leaves_nothing_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(Unavailable) as raised:
        impatient(f"http://127.0.0.1:{port}").send(MESSAGE)

    assert raised.value.provider_code == "aws:unreachable"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, 1.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, 1.0),
        (
            {
                "Retry-After": "Mon, 02 Mar 2026 12:00:30 GMT",
                "Date": "Mon, 02 Mar 2026 12:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Mon, 02 Mar 2026 11:00:00 GMT",
                "Date": "Mon, 02 Mar 2026 12:00:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_a_throttle_says_how_long_to_wait(headers: Mapping[str, str], wait_s: float) -> None:
    answered = {name.lower(): value for name, value in headers.items()}

    error = refused("ThrottlingException", meta={"HTTPHeaders": answered})

    assert isinstance(error, Throttled)
    assert error.retry_after_s == wait_s


# Sending: refusals and lost calls -------------------------------------------------


def refused(
    name: str, *, status: int = 400, meta: dict[str, Any] | None = None, reason: str = ""
) -> CarillonError:
    """What a send raises when AWS refuses it so."""
    client = boto3.client(aws.SERVICE, region_name="us-east-1")
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "send_text_message",
            service_error_code=name,
            http_status_code=status,
            modeled_fields={"Reason": reason} if reason else None,
            response_meta=meta,
        )
        with pytest.raises(CarillonError) as raised:
            aws.AwsSms(aws.AwsSmsSettings.from_secret(SECRET), client).send(MESSAGE)
    return raised.value


REFUSALS = [
    ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", Rejected),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", Rejected),
    ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", Rejected),
    ("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", Rejected),
    ("ConflictException", "MESSAGE_TYPE_MISMATCH", AccountBlocked),
    ("ConflictException", "RESOURCE_NOT_ACTIVE", AccountBlocked),
    ("ValidationException", "INVALID_PARAMETER", Rejected),
    ("ValidationException", "DESTINATION_COUNTRY_BLOCKED", Rejected),
    ("ValidationException", "SENDER_ID_NOT_REGISTERED", AccountBlocked),
    ("ValidationException", "INVALID_ARN", AccountBlocked),
    ("AccessDeniedException", "ACCOUNT_DISABLED", AccountBlocked),
    ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", AccountBlocked),
    ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_MEDIA", AccountBlocked),
]


@pytest.mark.parametrize(("name", "reason", "error"), REFUSALS)
def test_a_refusal_is_the_error_that_its_reason_means(
    name: str, reason: str, error: type[CarillonError]
) -> None:
    raised = refused(name, reason=reason)

    assert type(raised) is error
    assert getattr(raised, "provider_code") == f"aws:{reason}"  # noqa: B009 - of its subclasses


@pytest.mark.parametrize(
    ("name", "status", "reason", "error"),
    [
        # A reason of another operation, or one that is newer than this table.
        ("ConflictException", 409, "RESOURCE_NOT_EMPTY", Rejected),
        ("ValidationException", 400, "UNKNOWN_OPERATION", Rejected),
        ("ServiceQuotaExceededException", 402, "POOLS_PER_ACCOUNT", AccountBlocked),
        # No reason at all: the role's policy, for one, gives none.
        ("AccessDeniedException", 403, "", AccountBlocked),
        ("ResourceNotFoundException", 404, "", AccountBlocked),
        ("UnrecognizedClientException", 403, "", AccountBlocked),
        ("ExpiredTokenException", 403, "", Unavailable),
    ],
)
def test_without_a_reason_that_we_know_the_exception_decides(
    name: str, status: int, reason: str, error: type[CarillonError]
) -> None:
    raised = refused(name, status=status, reason=reason)

    assert type(raised) is error
    assert getattr(raised, "provider_code") == f"aws:{name}"  # noqa: B009 - of its subclasses


class Failing:
    """A client whose calls end in *error*, as botocore's do before or after the wire."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send_text_message(self, **_: Any) -> Any:
        raise self._error


URL = "https://sms-voice.us-east-1.amazonaws.com/"
ENDS: list[tuple[Exception, type[CarillonError]]] = [
    (botocore_errors.EndpointConnectionError(endpoint_url=URL), Unavailable),
    (botocore_errors.ConnectTimeoutError(endpoint_url=URL), Unavailable),
    (botocore_errors.ProxyConnectionError(proxy_url=URL), Unavailable),
    (
        botocore_errors.CredentialRetrievalError(provider="iam-role", error_msg="busy"),
        Unavailable,
    ),
    (botocore_errors.NoCredentialsError(), AccountBlocked),
    (botocore_errors.PartialCredentialsError(provider="env", cred_var="secret"), AccountBlocked),
    (botocore_errors.ReadTimeoutError(endpoint_url=URL), OutcomeUnknown),
    (botocore_errors.ConnectionClosedError(endpoint_url=URL), OutcomeUnknown),
    (botocore_errors.SSLError(endpoint_url=URL, error="broken"), OutcomeUnknown),
    (botocore_errors.HTTPClientError(error="broken"), OutcomeUnknown),
    (ResponseParserError("not JSON"), OutcomeUnknown),
]


@pytest.mark.parametrize(("end", "error"), ENDS, ids=lambda value: type(value).__name__)
def test_only_what_never_left_may_be_tried_again(
    end: Exception, error: type[CarillonError]
) -> None:
    sender = aws.AwsSms(aws.AwsSmsSettings.from_secret(SECRET), Failing(end))

    with pytest.raises(CarillonError) as raised:
        sender.send(MESSAGE)

    assert type(raised.value) is error


@pytest.mark.parametrize("message", [replace(MESSAGE, text=""), replace(MESSAGE, sender="")])
def test_what_the_sdk_itself_refuses_is_refused_for_good(message: Outgoing) -> None:
    with provider_server(TAKEN) as server, pytest.raises(Rejected) as raised:
        account(endpoint_url=server.base_url).send(message)

    assert raised.value.provider_code == "aws:FIELD_VALIDATION_FAILED"
    assert server.requests == []


def test_one_client_serves_all_accounts_of_an_endpoint() -> None:
    with provider_server(TAKEN) as server:
        for name in ("first", "second"):
            account(endpoint_url=server.base_url, configuration_set=name).send(MESSAGE)

        info = clients.unrepeating_client.cache_info()

    assert (info.misses, info.hits) == (1, 1)
    assert [r.json["ConfigurationSetName"] for r in server.requests] == ["first", "second"]


def test_a_secret_needs_its_configuration_set_and_nothing_else() -> None:
    assert aws.AwsSmsSettings.from_secret({"configuration_set": "c"}) == aws.AwsSmsSettings(
        configuration_set="c"
    )
    with pytest.raises(KeyError):
        aws.MODULE.account({"region": "us-east-1"}, urllib3.PoolManager())


def test_a_secrets_words_are_read_as_people_write_them() -> None:
    settings = aws.AwsSmsSettings.from_secret(
        {
            "configuration_set": "c",
            "self_managed_opt_outs": "True",
            "numbers": "+12025550101, +12025550102,",
        }
    )

    assert settings.self_managed_opt_outs
    assert settings.numbers == ("+12025550101", "+12025550102")


def test_a_secret_written_with_a_json_boolean_means_the_same() -> None:
    secret: Any = {"configuration_set": "c", "self_managed_opt_outs": True}

    assert aws.AwsSmsSettings.from_secret(secret).self_managed_opt_outs


def test_aws_has_no_log_and_says_so() -> None:
    with pytest.raises(Unavailable) as found:
        account().find(sender=NUMBER, recipient=PHONE, text_digest="00ff", since=NOW)
    with pytest.raises(Unavailable) as fetched:
        account().fetch("862a8790")

    assert found.value.provider_code == fetched.value.provider_code == "aws:no_log"


# Webhooks -------------------------------------------------------------------------


@given(
    headers=st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    body=st.binary(max_size=200),
    url=st.text(max_size=60),
)
def test_no_call_whatever_is_awss(headers: dict[str, str], body: bytes, url: str) -> None:
    call = WebhookCall(method="POST", url=url, headers=headers, body=body, received_at=NOW)

    assert not aws.MODULE.is_authentic(call, SECRET)
    with pytest.raises(ValueError, match="webhook"):
        aws.MODULE.payload(call)


# Events ---------------------------------------------------------------------------

# As the user guide shows it, with our key in its context.
EVENT = {
    "eventType": "TEXT_SUCCESSFUL",
    "eventVersion": "1.0",
    "eventTimestamp": 1686975103470,
    "isFinal": True,
    "originationPhoneNumber": NUMBER,
    "destinationPhoneNumber": PHONE,
    "isoCountryCode": "US",
    "mcc": "310",
    "mnc": "800",
    "carrierName": "A Carrier",
    "messageId": "862a8790-60c0-4430-9b2b-658bdexample",
    "messageRequestTimestamp": 1686975103170,
    "messageEncoding": "GSM",
    "messageType": "PROMOTIONAL",
    "messageStatus": "SUCCESSFUL",
    "messageStatusDescription": "Message has been accepted by phone carrier",
    "context": {"carillon_ref": REF.token},
    "totalMessageParts": 2,
    "totalMessagePrice": 0.00581,
    "totalCarrierFee": 0.00302,
}


def event(event_type: str = "TEXT_SUCCESSFUL", **changes: Any) -> dict[str, Any]:
    return {**EVENT, "eventType": event_type, **changes}


def receipt(made: Mapping[str, Any], ref: str = "") -> Receipt:
    (found,) = aws.MODULE.receipts(made, ref, NOW)
    return found


def test_an_event_becomes_a_receipt_with_everything_that_it_says() -> None:
    assert receipt(EVENT) == Receipt(
        ref=LEAD,
        claim_id="0123456789abcdef",
        provider_id="862a8790-60c0-4430-9b2b-658bdexample",
        status=LeadStatus.DELIVERED,
        received_at=NOW,
        phone=PHONE,
        segments=2,
        cost_micros=8830,
        currency="USD",
    )


def test_a_reference_beside_the_event_counts_before_the_one_within() -> None:
    other = RowRef("cmp_b#00001", "abc")

    assert receipt(EVENT, CallbackRef(other).token).ref == other


SUBMITTED, DELIVERED, FAILED = LeadStatus.SUBMITTED, LeadStatus.DELIVERED, LeadStatus.FAILED
TYPES = [
    ("TEXT_SENT", SUBMITTED, SUBMITTED),
    ("TEXT_PENDING", SUBMITTED, SUBMITTED),
    ("TEXT_QUEUED", SUBMITTED, SUBMITTED),
    ("TEXT_SUCCESSFUL", DELIVERED, SUBMITTED),
    ("TEXT_DELIVERED", DELIVERED, DELIVERED),
    ("TEXT_INVALID", FAILED, SUBMITTED),
    ("TEXT_INVALID_MESSAGE", FAILED, SUBMITTED),
    ("TEXT_UNREACHABLE", FAILED, SUBMITTED),
    ("TEXT_CARRIER_UNREACHABLE", FAILED, SUBMITTED),
    ("TEXT_BLOCKED", FAILED, SUBMITTED),
    ("TEXT_CARRIER_BLOCKED", FAILED, SUBMITTED),
    ("TEXT_SPAM", FAILED, SUBMITTED),
    ("TEXT_UNKNOWN", FAILED, SUBMITTED),
    ("TEXT_TTL_EXPIRED", FAILED, SUBMITTED),
    ("TEXT_PROTECT_BLOCKED", FAILED, SUBMITTED),
    ("MEDIA_PENDING", SUBMITTED, SUBMITTED),
    ("MEDIA_QUEUED", SUBMITTED, SUBMITTED),
    ("MEDIA_SUCCESSFUL", DELIVERED, SUBMITTED),
    ("MEDIA_DELIVERED", DELIVERED, DELIVERED),
    ("MEDIA_INVALID", FAILED, SUBMITTED),
    ("MEDIA_INVALID_MESSAGE", FAILED, SUBMITTED),
    ("MEDIA_UNREACHABLE", FAILED, SUBMITTED),
    ("MEDIA_CARRIER_UNREACHABLE", FAILED, SUBMITTED),
    ("MEDIA_BLOCKED", FAILED, SUBMITTED),
    ("MEDIA_CARRIER_BLOCKED", FAILED, SUBMITTED),
    ("MEDIA_SPAM", FAILED, SUBMITTED),
    ("MEDIA_UNKNOWN", FAILED, SUBMITTED),
    ("MEDIA_TTL_EXPIRED", FAILED, SUBMITTED),
    ("MEDIA_FILE_INACCESSIBLE", FAILED, SUBMITTED),
    ("MEDIA_FILE_TYPE_UNSUPPORTED", FAILED, SUBMITTED),
    ("MEDIA_FILE_SIZE_EXCEEDED", FAILED, SUBMITTED),
    ("RCS_QUEUED", SUBMITTED, SUBMITTED),
    ("RCS_SENT", SUBMITTED, SUBMITTED),
    ("RCS_DELIVERED", DELIVERED, DELIVERED),
    ("RCS_READ", DELIVERED, DELIVERED),
    ("RCS_FAILED", FAILED, SUBMITTED),
    ("RCS_TTL_EXPIRED", FAILED, SUBMITTED),
    ("RCS_PROTECT_BLOCKED", FAILED, SUBMITTED),
    ("RCS_FALLEN_BACK_TO_SMS", SUBMITTED, SUBMITTED),
]


@pytest.mark.parametrize(("event_type", "final", "interim"), TYPES)
def test_a_type_means_what_it_says_once_it_is_final(
    event_type: str, final: LeadStatus, interim: LeadStatus
) -> None:
    settled, moving = receipt(event(event_type)), receipt(event(event_type, isFinal=False))

    assert (settled.status, moving.status) == (final, interim)
    assert settled.error_code == (f"aws:{event_type}" if final is FAILED else None)
    assert moving.error_code is None


def model() -> Any:
    return boto3.client(aws.SERVICE, region_name="us-east-1").meta.service_model


def test_the_table_has_every_type_that_the_sdk_knows_of_a_message() -> None:
    named = model().shape_for("EventType").enum
    known = {t for t in named if t.startswith(("TEXT_", "MEDIA_", "RCS_"))}

    assert {event_type for event_type, *_ in TYPES} == known - {"TEXT_ALL", "MEDIA_ALL", "RCS_ALL"}


def test_an_event_without_its_final_mark_is_not_final() -> None:
    assert receipt({k: v for k, v in EVENT.items() if k != "isFinal"}).status is SUBMITTED
    assert receipt(event(isFinal="true")).status is SUBMITTED


@pytest.mark.parametrize(("hours", "status"), [(1, FAILED), (72, SUBMITTED), (100, SUBMITTED)])
def test_a_message_that_the_carrier_never_spoke_of_is_not_called_failed(
    hours: int, status: LeadStatus
) -> None:
    """After 72 hours AWS closes it as UNKNOWN; the poller then makes it unconfirmed (R4)."""
    closed_at = EVENT["messageRequestTimestamp"] + hours * 3_600_000  # type: ignore[operator]

    assert receipt(event("TEXT_UNKNOWN", eventTimestamp=closed_at)).status is status


@pytest.mark.parametrize(
    ("prices", "micros"),
    [
        ({"totalMessagePrice": 0.09582, "totalCarrierFee": 0.0}, 95820),
        ({"totalMessagePrice": 0.1, "totalCarrierFee": None}, 100000),
        ({"totalMessagePrice": 1, "totalCarrierFee": 0.2}, 1200000),
        ({"totalMessagePrice": None, "totalCarrierFee": None}, None),
        ({"totalMessagePrice": "0.1", "totalCarrierFee": True}, None),
    ],
)
def test_the_cost_is_price_and_fee_where_they_are_given(
    prices: dict[str, Any], micros: int | None
) -> None:
    found = receipt(event(**prices))

    assert (found.cost_micros, found.currency) == (micros, "" if micros is None else "USD")


def test_a_recipient_without_plus_gets_one_and_none_stays_none() -> None:
    assert receipt(event(destinationPhoneNumber=PHONE[1:])).phone == PHONE
    assert receipt(event(destinationPhoneNumber=None)).phone == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"context": {}}, "bad_ref"),
        ({"context": None}, "bad_ref"),
        ({"context": {"carillon_ref": "x"}}, "bad_ref"),
        ({"context": {"carillon_ref": 7}}, "bad_ref"),
        ({"context": "text"}, "bad_ref"),
        ({"eventType": "TEXT_TELEPATHY"}, "unknown_status"),
        ({"eventType": "TEXT"}, "unknown_status"),
    ],
)
def test_an_event_that_is_none_of_ours_is_refused_under_its_code(
    changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        aws.MODULE.receipts({**EVENT, **changes}, "", NOW)

    assert raised.value.code == code


@pytest.mark.parametrize("event_type", ["VOICE_COMPLETED", "", None, "REGISTRATION"])
def test_an_event_about_no_text_gives_no_receipt(event_type: str | None) -> None:
    assert aws.MODULE.receipts({**EVENT, "eventType": event_type}, "", NOW) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), JSON))
def test_no_event_breaks_the_reader(changes: dict[str, Any]) -> None:
    found: list[Receipt] = []
    with contextlib.suppress(InvalidInput):
        found = aws.MODULE.receipts({**EVENT, **changes}, "", NOW)

    assert all(one.ref == LEAD for one in found)


# Two-way messages -----------------------------------------------------------------

TWO_WAY = {
    "originationNumber": PHONE,
    "destinationNumber": NUMBER,
    "messageKeyword": "KEYWORD_123456789012",
    "messageBody": "Who is this? 👋",
    "inboundMessageId": "cae173d2-66b9-564c-8309-21f858e9fb84",
    "previousPublishedMessageId": "862a8790-60c0-4430-9b2b-658bdexample",
}


def reply(**changes: Any) -> Reply:
    (found,) = aws.MODULE.replies({**TWO_WAY, **changes}, "snd_a", NOW)
    return found


def test_a_two_way_message_becomes_a_reply() -> None:
    assert reply() == Reply(
        provider="aws",
        provider_id="cae173d2-66b9-564c-8309-21f858e9fb84",
        sender_id="snd_a",
        phone=PHONE,
        body="Who is this? 👋",
        received_at=NOW,
    )


def test_a_person_without_plus_gets_one() -> None:
    assert reply(originationNumber=PHONE[1:]).phone == PHONE


@pytest.mark.parametrize(
    ("body", "keyword", "answered"),
    [
        ("STOP", "STOP", "stop"),
        ("stop", "KEYWORD_123456789012", "stop"),
        (" Stop.", "", "stop"),
        ("Stop texting me", "", "stop"),
        ("Arret", "ARRET", "stop"),
        ("opt-out", "", "stop"),
        ("unsubscribe", "", "stop"),
        ("HELP", "HELP", "help"),
        ("Help me please", "", "help"),
        ("Stopping by later", "", ""),
        ("please stop", "", ""),
        ("cancel my appointment", "", ""),
        ("START", "START", ""),
        ("", "", ""),
    ],
)
def test_what_aws_answers_itself_is_not_answered_again(
    body: str, keyword: str, answered: str
) -> None:
    found = reply(messageBody=body, messageKeyword=keyword)

    assert (found.handled_by_provider, found.provider_keyword) == (bool(answered), answered)


@pytest.mark.parametrize("body", ["STOP", "HELP", "Stop texting me"])
def test_self_managed_opt_outs_are_ours_to_answer(body: str) -> None:
    found = reply(messageBody=body, messageKeyword=body, self_managed_opt_outs=True)

    assert (found.handled_by_provider, found.provider_keyword) == (False, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"inboundMessageId": None},
        {"inboundMessageId": ""},
        {"inboundMessageId": 7},
        {"originationNumber": None},
        {"originationNumber": ""},
    ],
)
def test_a_two_way_message_without_id_or_sender_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as raised:
        reply(**changes)

    assert raised.value.code == "bad_inbound"


@given(st.dictionaries(st.sampled_from(sorted(TWO_WAY)), JSON))
def test_no_two_way_message_breaks_the_reader(changes: dict[str, Any]) -> None:
    found: list[Reply] = []
    with contextlib.suppress(InvalidInput):
        found = aws.MODULE.replies({**TWO_WAY, **changes}, "snd_a", NOW)

    assert all(one.sender_id == "snd_a" and one.phone for one in found)


# Codes ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_says_what_it_means_and_what_follows(code: str) -> None:
    found = CODES[code]

    assert found.kind in CodeKind
    assert found.reason.endswith(".")
    assert len(found.reason) > 20


# https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/CommonErrors.html
_COMMON_ERRORS = {
    *("ExpiredTokenException", "IncompleteSignature", "InvalidSignatureException"),
    *("NotAuthorized", "OptInRequired", "RequestExpired", "UnrecognizedClientException"),
}


def test_every_code_is_one_that_the_sdk_or_the_documentation_knows() -> None:
    shapes = model()
    reasons = {
        reason
        for name in ("Conflict", "Validation", "AccessDenied", "ServiceQuotaExceeded")
        for reason in shapes.shape_for(f"{name}ExceptionReason").enum
    }
    exceptions = {shape.name for shape in shapes.operation_model("SendTextMessage").error_shapes}

    assert set(CODES) <= reasons | exceptions | _COMMON_ERRORS | {t for t, *_ in TYPES}


def test_every_failure_that_an_event_reports_has_a_code_and_none_is_tried_again() -> None:
    kinds = {t: CODES[t].kind for t, final, _ in TYPES if final is FAILED}

    assert set(kinds.values()) == {CodeKind.PERMANENT}


# Opt-out lists --------------------------------------------------------------------


@pytest.fixture
def stubbed() -> Iterator[tuple[aws.OptOutMirror, Stubber]]:
    """A mirror whose client checks every request and answer against AWS's own model."""
    client = boto3.client(aws.SERVICE, region_name="us-east-1")
    with Stubber(client) as stubber:
        yield aws.OptOutMirror(client, "Default"), stubber
        stubber.assert_no_pending_responses()


def listed(phone: str, *, by_person: bool = True) -> dict[str, Any]:
    return {"OptedOutNumber": phone, "OptedOutTimestamp": NOW, "EndUserOptedOut": by_person}


def absent(stubber: Stubber, operation: str, resource: str = "opted-out-number") -> None:
    stubber.add_client_error(
        operation, "ResourceNotFoundException", modeled_fields={"ResourceType": resource}
    )


Stubbed = tuple[aws.OptOutMirror, Stubber]


def test_an_opt_out_of_ours_becomes_one_of_awss(stubbed: Stubbed) -> None:
    mirror, stubber = stubbed
    asked = {"OptOutListName": "Default", "OptedOutNumber": PHONE}
    for _ in range(2):
        stubber.add_response("put_opted_out_number", {"OptedOutNumber": PHONE}, asked)

    mirror.put(PHONE)
    mirror.put(PHONE)


def test_an_opt_in_of_ours_takes_the_number_off_once(stubbed: Stubbed) -> None:
    mirror, stubber = stubbed
    asked = {"OptOutListName": "Default", "OptedOutNumber": PHONE}
    stubber.add_response("delete_opted_out_number", {"OptedOutNumber": PHONE}, asked)
    absent(stubber, "delete_opted_out_number")

    mirror.remove(PHONE)
    mirror.remove(PHONE)


def test_one_number_is_looked_up(stubbed: Stubbed) -> None:
    mirror, stubber = stubbed
    asked = {"OptOutListName": "Default", "OptedOutNumbers": [PHONE]}
    # AWS takes numbers without their plus sign as well.
    answer = {"OptedOutNumbers": [listed(PHONE.removeprefix("+"))]}
    stubber.add_response("describe_opted_out_numbers", answer, asked)
    absent(stubber, "describe_opted_out_numbers")

    assert mirror.of(PHONE) == ListedOptOut(phone=PHONE, since=NOW, by_person=True)
    assert mirror.of(PHONE) is None


def test_an_entry_is_no_newer_than_what_is_kept_of_it(stubbed: Stubbed) -> None:
    mirror, stubber = stubbed
    entry = listed(PHONE) | {"OptedOutTimestamp": NOW.replace(microsecond=987_654)}
    stubber.add_response("describe_opted_out_numbers", {"OptedOutNumbers": [entry]})

    ((found,), _) = mirror.page(None)

    assert found.since == NOW.replace(microsecond=987_000)
    assert from_iso(to_iso(found.since)) == found.since


def test_a_list_is_named_with_its_region(stubbed: Stubbed) -> None:
    mirror: ProviderOptOuts = stubbed[0]

    assert mirror.name == "aws:us-east-1:Default"


def test_the_list_is_read_page_by_page(stubbed: Stubbed) -> None:
    mirror, stubber = stubbed
    asked = {"OptOutListName": "Default", "MaxResults": 100}
    stubber.add_response(
        "describe_opted_out_numbers",
        {"OptedOutNumbers": [listed("+12025550101"), listed(PHONE)], "NextToken": "more"},
        asked,
    )
    # A page may be empty and still not be the last.
    stubber.add_response(
        "describe_opted_out_numbers",
        {"OptedOutNumbers": [], "NextToken": "last"},
        {**asked, "NextToken": "more"},
    )
    stubber.add_response(
        "describe_opted_out_numbers",
        {"OptedOutNumbers": [listed("+12025550103", by_person=False)]},
        {**asked, "NextToken": "last"},
    )

    pages = [mirror.page(cursor) for cursor in (None, "more", "last")]

    assert [[(e.phone, e.by_person) for e in entries] for entries, _ in pages] == [
        [("+12025550101", True), (PHONE, True)],
        [],
        [("+12025550103", False)],
    ]
    assert [cursor for _, cursor in pages] == ["more", "last", None]


LIST_ERRORS = [
    ("ThrottlingException", {}, Throttled, "throttled"),
    ("InternalServerException", {}, Unavailable, "provider_unavailable"),
    ("AccessDeniedException", {}, Unavailable, "provider_unavailable"),
    (
        "ResourceNotFoundException",
        {"ResourceType": "opt-out-list"},
        NotFound,
        "opt_out_list_not_found",
    ),
    ("ConflictException", {}, Conflict, "opt_in_refused"),
    (
        "ValidationException",
        {"Reason": "PHONE_NUMBER_CANNOT_BE_OPTED_IN"},
        Conflict,
        "opt_in_refused",
    ),
    ("ValidationException", {"Reason": "INVALID_PARAMETER"}, InvalidInput, "bad_phone"),
]


@pytest.mark.parametrize(("name", "fields", "error", "code"), LIST_ERRORS)
def test_a_list_that_refuses_says_why(
    stubbed: Stubbed, name: str, fields: dict[str, str], error: type[CarillonError], code: str
) -> None:
    mirror, stubber = stubbed
    stubber.add_client_error("delete_opted_out_number", name, modeled_fields=fields or None)

    with pytest.raises(CarillonError) as raised:
        mirror.remove(PHONE)

    assert type(raised.value) is error
    assert raised.value.code == code


def test_the_secret_says_which_list_is_mirrored() -> None:
    with provider_server(Answer(200, {"OptedOutNumber": PHONE})) as server:
        secret = {**SECRET, "endpoint_url": server.base_url, "opt_out_list": "Carillon"}
        mirror = aws.MODULE.opt_out_mirror(secret)
        assert mirror is not None
        mirror.put(PHONE)

    (request,) = server.requests
    assert request.headers["x-amz-target"] == "PinpointSMSVoiceV2.PutOptedOutNumber"
    assert request.json == {"OptOutListName": "Carillon", "OptedOutNumber": PHONE}
    assert aws.MODULE.opt_out_mirror(SECRET) is None


def test_a_list_that_cannot_be_reached_is_tried_again_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = clients.unrepeating_client(
        aws.SERVICE,
        connect_timeout_s=0.5,
        read_timeout_s=0.2,
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
    )

    with pytest.raises(Unavailable):
        aws.OptOutMirror(client, "Default").put(PHONE)


def test_an_answer_that_is_not_awss_is_no_list() -> None:
    with provider_server(Answer(200, ["no", "object"])) as server:
        secret = {**SECRET, "endpoint_url": server.base_url, "opt_out_list": "Default"}
        mirror = aws.MODULE.opt_out_mirror(secret)
        assert mirror is not None

        with pytest.raises(Unavailable):
            mirror.page(None)
