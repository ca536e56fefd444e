"""Our signatures are botocore's, byte for byte."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters.signing import CONTENT_TYPE, Signer

words = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-", min_size=1)
instants = st.datetimes(datetime(2015, 1, 1), datetime(2080, 1, 1))  # noqa: DTZ001 - naive UTC
regions = st.sampled_from(["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
hosts = st.sampled_from(["dynamodb.us-east-1.amazonaws.com", "127.0.0.1:4566", "[::1]:8000"])
targets = st.sampled_from(["DynamoDB_20120810.PutItem", "DynamoDB_20120810.BatchGetItem"])


def botocores(
    keys: Credentials, target: str, body: bytes, at: str, *, region: str, host: str
) -> dict[str, str]:
    request = AWSRequest(
        "POST",
        f"http://{host}/",
        {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target},
        body,
    )
    # As its add_auth, but at a time of ours: it asks the machine's clock by itself.
    signer = SigV4Auth(keys, "dynamodb", region)
    request.context["timestamp"] = at
    signer._modify_request_before_signing(request)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return dict(request.headers.items())


def ours(signer: Signer, target: str, body: bytes, at: str) -> dict[str, str]:
    lines = signer.headers(target, body, at).split("\r\n")
    assert lines.pop() == ""
    pairs = (line.partition(": ") for line in lines)
    return {name: value for name, _, value in pairs}


@given(words, words, st.none() | words, regions, hosts, targets, st.binary(), instants)
def test_the_headers_are_those_of_botocores_signer(  # noqa: PLR0917 - hypothesis gives them
    access_key: str,
    secret: str,
    token: str | None,
    region: str,
    host: str,
    target: str,
    body: bytes,
    instant: datetime,
) -> None:
    keys, at = Credentials(access_key, secret, token), f"{instant:%Y%m%dT%H%M%SZ}"
    signer = Signer(keys, service="dynamodb", region=region, host=host)

    # The second time with the day's key from before.
    for posted in (body, b"another"):
        expected = botocores(keys, target, posted, at, region=region, host=host)
        assert ours(signer, target, posted, at) == expected


class Changing:
    """Credentials that are renewed between two requests, as a role's are."""

    def __init__(self) -> None:
        self.now = ReadOnlyCredentials("AKIA1", "secret one", "token one")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self.now


@pytest.mark.parametrize(
    ("day", "renewed"),
    [
        ("20261125", ("AKIA1", "secret one", "token one")),
        ("20261124", ("AKIA2", "secret two", "token two")),
        ("20261124", ("AKIA1", "secret one", None)),
    ],
    ids=["a new day", "new credentials", "no session any more"],
)
def test_a_new_day_and_new_credentials_have_a_key_of_their_own(
    day: str, renewed: tuple[str, str, str | None]
) -> None:
    keys, host, target = Changing(), "dynamodb.us-east-1.amazonaws.com", "DynamoDB_20120810.Query"
    signer = Signer(keys, service="dynamodb", region="us-east-1", host=host)
    signer.headers(target, b"{}", "20261124T235959Z")

    keys.now = ReadOnlyCredentials(*renewed)
    at = f"{day}T000000Z"

    expected = botocores(Credentials(*renewed), target, b"{}", at, region="us-east-1", host=host)
    assert ours(signer, target, b"{}", at) == expected


def test_without_credentials_nothing_is_signed() -> None:
    signer = Signer(None, service="dynamodb", region="us-east-1", host="example.com")

    with pytest.raises(NoCredentialsError):
        signer.headers("DynamoDB_20120810.Query", b"{}", f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
