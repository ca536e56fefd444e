"""Which files go with which providers (M5)."""

import pytest

from carillon.domain.campaign_media import (
    CampaignMedia,
    kept,
    media_key,
    media_of,
    problems,
    require_room,
)
from carillon.domain.errors import InvalidInput


def a_picture(size: int = 100_000, name: str = "a") -> CampaignMedia:
    return CampaignMedia(f"med_{name}", "image/jpeg", size)


def a_video(size: int) -> CampaignMedia:
    return CampaignMedia("med_v", "video/mp4", size)


@pytest.mark.parametrize(
    ("media", "providers", "found"),
    [
        ((), {"bird"}, []),
        ((a_picture(),), {"twilio", "plivo", "telnyx", "aws", "vonage", "sinch"}, []),
        ((a_picture(),), {"twilio", "bird"}, ["media_not_supported"]),
        ((a_picture(),), {"pigeon"}, ["media_not_supported"]),
        ((a_picture(),) * 2, {"twilio"}, []),
        ((a_picture(),) * 2, {"aws"}, ["media_too_many"]),
        ((a_picture(),) * 2, {"vonage"}, ["media_too_many"]),
        ((a_picture(),) * 2, {"sinch"}, ["media_too_many"]),
        ((a_picture(5_000_000),), {"twilio"}, []),
        ((a_picture(5_000_001),), {"twilio"}, ["media_too_large"]),
        ((a_picture(2_500_001),) * 2, {"plivo"}, ["media_too_large"]),
        ((a_picture(1_000_001),), {"telnyx"}, ["media_too_large"]),
        ((a_picture(2_000_000),), {"aws"}, []),
        ((a_video(600_000),), {"aws"}, []),
        ((a_video(600_001),), {"aws"}, ["media_too_large"]),
        ((a_picture(600_001),), {"vonage"}, ["media_too_large"]),
    ],
)
def test_each_provider_of_the_senders_must_carry_the_files(
    media: tuple[CampaignMedia, ...], providers: set[str], found: list[str]
) -> None:
    assert problems(media, providers) == found


def test_a_file_is_known_by_its_content_and_type() -> None:
    one, same = kept(b"picture", "image/png"), kept(b"picture", "image/png")

    assert one == same
    assert one.bytes == 7
    assert media_key(one) == f"outbound/{one.id}.png"
    assert kept(b"picture", "image/jpeg").id != one.id
    assert kept(b"another", "image/png").id != one.id


def test_no_message_has_more_than_any_provider_takes() -> None:
    require_room([a_picture(500_000, str(number)) for number in range(10)])

    for media, code in (
        ([a_picture(1, str(number)) for number in range(11)], "media_too_many"),
        ([a_picture(5_000_001)], "media_too_large"),
    ):
        with pytest.raises(InvalidInput) as caught:
            require_room(media)
        assert caught.value.code == code


def test_stored_files_are_read_back() -> None:
    stored = [{"id": "med_a", "type": "image/jpeg", "bytes": 100_000}]

    assert media_of(stored) == (a_picture(),)
