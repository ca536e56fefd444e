"""Files for a campaign's first message: fetched or uploaded, looked at, kept (M5)."""

from typing import Any

import pytest

from carillon.domain.campaign import CampaignStatus
from carillon.domain.campaign_media import CampaignMedia, media_key
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.media import FetchedFile, MediaRefused, Problem
from carillon.usecases.approve_launches import LaunchApprovals
from carillon.usecases.attach_media import AttachMedia, MediaAnswer, NewMedia
from tests.support.clock import FakeClock
from tests.support.management import (
    FakeCampaigns,
    FakeMediaFiles,
    FakePolicies,
    a_campaign,
    an_access,
    an_origin,
    in_state,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
URL = "https://example.com/a.png"


class Scene:
    def __init__(self, **changes: Any) -> None:
        self.campaigns = FakeCampaigns(a_campaign(**changes))
        self.files = FakeMediaFiles()
        self.served: dict[str, FetchedFile] = {URL: FetchedFile("image/png", PNG)}

    def attach(self, **new: Any) -> MediaAnswer:
        use_case = AttachMedia(
            self.campaigns,
            self.files,
            self._fetch,
            FakeClock(),
            approvals=LaunchApprovals(FakePolicies(), FakeClock()),
            missing_in_texts=lambda _: [],
        )
        return use_case.attach(an_access(), an_origin(), "cmp_1", NewMedia(**new))

    def _fetch(self, url: str) -> FetchedFile:
        if url not in self.served:
            raise MediaRefused(Problem.FORBIDDEN_ADDRESS)
        return self.served[url]

    @property
    def media(self) -> tuple[CampaignMedia, ...]:
        return self.campaigns.get("cmp_1").media


def test_a_file_at_an_address_is_kept_and_belongs_to_the_campaign() -> None:
    scene = Scene()

    answer = scene.attach(url=URL)

    (media,) = answer.media
    assert (media.type, media.bytes) == ("image/png", len(PNG))
    assert scene.media == (media,)
    assert scene.files.get(media_key(media)) == PNG
    assert scene.files.content_type(media_key(media)) == "image/png"


def test_the_same_file_again_changes_nothing() -> None:
    scene = Scene()
    scene.attach(url=URL)
    version = scene.campaigns.get("cmp_1").version

    answer = scene.attach(url=URL)

    assert len(answer.media) == 1
    assert scene.campaigns.get("cmp_1").version == version


def test_an_upload_belongs_to_the_campaign_once_it_was_looked_at() -> None:
    scene = Scene()
    asked = scene.attach(upload_type="image/png")
    assert asked.upload is not None
    assert asked.upload_id is not None
    assert (asked.media, asked.upload.headers) == ((), {"Content-Type": "image/png"})
    with pytest.raises(Conflict) as caught:
        scene.attach(upload_id=asked.upload_id)
    assert caught.value.code == "upload_missing"

    scene.files.put(f"uploads/cmp_1/{asked.upload_id}", PNG, content_type="image/png")
    answer = scene.attach(upload_id=asked.upload_id)

    assert answer.media == scene.media
    assert scene.files.get(media_key(answer.media[0])) == PNG


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"<html>hello</html>", "image/png", "type_not_allowed"),
        (PNG, "image/jpeg", "type_mismatch"),
        (b"OggS" + b"x" * 60, "audio/ogg", "type_not_allowed"),
        (PNG + b"x" * 5_000_000, "image/png", "media_too_large"),
    ],
)
def test_what_was_uploaded_is_what_it_says_and_fits(content: bytes, kind: str, code: str) -> None:
    scene = Scene()
    scene.files.put("uploads/cmp_1/upl_a", content, content_type=kind)

    with pytest.raises(InvalidInput) as caught:
        scene.attach(upload_id="upl_a")

    assert (caught.value.code, caught.value.field) == (code, "upload_id")
    assert scene.media == ()


def test_an_address_that_must_not_be_asked_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput) as caught:
        Scene().attach(url="https://169.254.169.254/a.png")

    assert (caught.value.code, caught.value.field) == ("forbidden_address", "url")


@pytest.mark.parametrize("new", [{}, {"url": URL, "upload_id": "upl_a"}])
def test_one_thing_is_asked_for_at_a_time(new: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Scene().attach(**new)


def test_a_campaign_that_runs_is_not_changed() -> None:
    scene = Scene()
    scene.campaigns = FakeCampaigns(in_state(CampaignStatus.ACTIVE))

    with pytest.raises(Conflict) as caught:
        scene.attach(url=URL)

    assert caught.value.code == "campaign_state"


def test_another_offices_campaign_is_not_found() -> None:
    with pytest.raises(NotFound):
        Scene(office_id="off_2").attach(url=URL)
