"""Where a provider gets a campaign's file (M5)."""

from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from carillon.adapters.objects import S3Objects, media_address


@pytest.fixture
def files() -> S3Objects:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
    )
    return S3Objects(client, "files")


def test_a_provider_gets_a_link_that_ends(files: S3Objects) -> None:
    parts = urlsplit(media_address(files, "twilio", "outbound/med_a"))

    assert (parts.scheme, parts.path.endswith("/outbound/med_a")) == ("https", True)
    query = parse_qs(parts.query)
    assert "Signature" in query or "X-Amz-Signature" in query


def test_aws_reads_the_bucket_itself(files: S3Objects) -> None:
    assert media_address(files, "aws", "outbound/med_a") == "s3://files/outbound/med_a"
