"""What rows note of their files, fake and real alike; and a file's whole way, but for the queue."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.attachments import DynamoAttachments
from carillon.adapters.media import ProviderMedia, SafeFetcher
from carillon.adapters.objects import S3Objects
from carillon.adapters.secrets import Secrets
from carillon.adapters.system_clock import SystemClock
from carillon.domain.errors import InvalidInput, NotFound
from carillon.domain.media import Attachment, MediaItem, media_key
from carillon.domain.message import RowRef
from carillon.ports import Attachments
from carillon.usecases.keep_media import KeepingWorld, keep_media
from tests.support.lying_server import LyingServer, says
from tests.support.media import JPEG, FakeAttachments
from tests.support.messages import KEY, LEAD, a_claim, a_reply, after, submit
from tests.support.sending import FakeMessages, a_sender
from tests.support.stores import DynamoStores, Stores, dynamo_stores_in

REF = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
URLS = ("https://media.example.com/1", "https://media.example.com/2")
KEPT = MediaItem(index=1, type="image/jpeg", bytes=3, key="media/x/1")
REFUSED = MediaItem(index=0, problem="too_large")


@pytest.fixture
def attachments(stores: Stores) -> Attachments:
    """Attachments of the rows in *stores*, which hold one message with two files."""
    reply = a_reply(media_urls=URLS)
    stores.messages.record_inbound(REF, reply, keyword="none", office_id="off_north")
    if isinstance(stores, DynamoStores):
        return DynamoAttachments(stores.client, "MessagesTable")
    assert isinstance(stores.messages, FakeMessages)
    return FakeAttachments(stores.messages)


def test_a_file_is_known_by_its_place_in_its_message(attachments: Attachments) -> None:
    found = [attachments.attachment(REF, index) for index in (0, 1)]

    assert found == [Attachment(url=url, sender_id="snd_a", received_at=after(60)) for url in URLS]


def test_what_became_of_each_file_is_noted_beside_the_others(
    attachments: Attachments, stores: Stores
) -> None:
    assert [attachments.note(REF, item) for item in (KEPT, REFUSED)] == [KEPT, REFUSED]

    assert [attachments.attachment(REF, index).item for index in (0, 1)] == [REFUSED, KEPT]
    row = stores.row(REF) or {}
    assert row["media"] == {
        "0": {"problem": "too_large"},
        "1": {"type": "image/jpeg", "bytes": 3, "key": "media/x/1"},
    }
    assert (row["kind"], row["body"]) == ("inbound", "who is this?")


def test_the_first_note_of_a_file_stands(attachments: Attachments) -> None:
    late = MediaItem(index=1, problem="unavailable")

    assert attachments.note(REF, KEPT) == KEPT
    assert attachments.note(REF, late) == KEPT
    assert attachments.attachment(REF, 1).item == KEPT


@pytest.mark.parametrize("index", [-1, 2])
def test_there_is_no_file_beyond_the_messages_last(attachments: Attachments, index: int) -> None:
    with pytest.raises(NotFound) as missing:
        attachments.attachment(REF, index)

    assert missing.value.code == "attachment_not_found"


def test_a_row_without_files_is_neither_asked_for_one_nor_given_one(
    attachments: Attachments, stores: Stores
) -> None:
    submit(stores.messages, a_claim(), 1)
    before = stores.row(LEAD)

    for ref in (LEAD, RowRef(LEAD.pk, "gone")):
        with pytest.raises(NotFound):
            attachments.attachment(ref, 0)
        with pytest.raises(NotFound):
            attachments.note(ref, KEPT)

    assert (stores.row(LEAD), stores.row(RowRef(LEAD.pk, "gone"))) == (before, None)


# The whole way -----------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        yield boto3.client


def a_world(client: Any, server: LyingServer, secret: str) -> tuple[KeepingWorld, DynamoStores]:
    """Return the real adapters, whose one provider account is at *server*."""
    stores = dynamo_stores_in(client("dynamodb"))
    stores.keep_sender(a_sender())
    client("s3").create_bucket(Bucket="files")
    client("secretsmanager").create_secret(Name="carillon/north", SecretString=secret)
    clock = SystemClock()
    secrets = Secrets(client("secretsmanager"), clock.monotonic)
    fetcher = SafeFetcher(trusted=[f"127.0.0.1:{server.port}"])
    world = KeepingWorld(
        attachments=DynamoAttachments(stores.client, "MessagesTable"),
        directory=stores.control,
        source=ProviderMedia(secrets, fetcher),
        files=S3Objects(client("s3"), "files"),
        clock=clock,
    )
    received_at = clock.now() - timedelta(seconds=5)
    url = f"http://127.0.0.1:{server.port}/1"
    reply = a_reply(media_urls=(url,), received_at=received_at)
    stores.messages.record_inbound(REF, reply, keyword="none", office_id="off_north")
    return world, stores


def twilio_at(server: LyingServer) -> str:
    base_url = f"http://127.0.0.1:{server.port}"
    return f'{{"account_sid": "AC1", "auth_token": "t", "base_url": "{base_url}"}}'


def test_a_picture_is_asked_for_as_its_provider_wants_and_can_only_be_downloaded(aws: Any) -> None:
    picture = says(JPEG, Content_Type="image/jpg; name=../../evil.html")
    with LyingServer([says(status=401), picture]) as server:
        world, stores = a_world(aws, server, twilio_at(server))

        item = keep_media(REF, 0, world)

    assert b"Authorization: Basic QUMxOnQ=\r\n" in server.asked[1]
    assert item == MediaItem(index=0, type="image/jpeg", bytes=len(JPEG), key=media_key(REF, 0))
    stored = aws("s3").get_object(Bucket="files", Key=item.key)
    assert stored["Body"].read() == JPEG
    headers = ("ContentType", "ContentDisposition", "CacheControl")
    assert [stored[name] for name in headers] == [
        "image/jpeg",
        'attachment; filename="attachment-1.jpg"',
        "private, no-store",
    ]
    assert (stores.row(REF) or {})["media"]["0"]["key"] == item.key


def test_two_workers_at_once_leave_one_file_and_one_note(aws: Any) -> None:
    with LyingServer([says(JPEG, Content_Type="image/jpeg")]) as server:
        world, _ = a_world(aws, server, twilio_at(server))

        with ThreadPoolExecutor(2) as workers:
            items = list(workers.map(lambda _: keep_media(REF, 0, world), range(2)))

    assert items[0] == items[1]
    assert len(aws("s3").list_objects_v2(Bucket="files")["Contents"]) == 1


def test_a_secret_that_lacks_a_field_is_named_by_the_field(aws: Any) -> None:
    with LyingServer([says(JPEG, Content_Type="image/jpeg")]) as server:
        world, _ = a_world(aws, server, '{"account_sid": "AC1"}')

        with pytest.raises(InvalidInput) as refused:
            keep_media(REF, 0, world)

    assert (refused.value.code, refused.value.field) == ("secret_incomplete", "auth_token")
    assert server.asked == []
