"""What a file is, by its beginning and by the name it was served under."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.domain.media import (
    MediaItem,
    MediaRefused,
    Problem,
    agreed_type,
    fetch_tasks,
    items_of,
    media_key,
)
from carillon.domain.message import RowRef
from tests.support.messages import a_reply

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"
BEGINNINGS = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "image/jpeg"),
    (b"\xff\xd8\xff\xe1", "image/jpg", "image/jpeg"),
    (b"\xff\xd8\xff\xdb", "IMAGE/JPEG; q=1", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n\x00", "image/png", "image/png"),
    (b"GIF87a", "image/gif", "image/gif"),
    (b"GIF89a", "image/gif", "image/gif"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp", "image/webp"),
    (MP4, "video/mp4", "video/mp4"),
    (b"\x00\x00\x00\x20ftypisom", "video/mp4", "video/mp4"),
    (b"\x00\x00\x00\x20ftypiso5", "video/3gpp", "video/3gpp"),
    (b"\x00\x00\x00\x20ftypM4A ", "audio/x-m4a", "audio/mp4"),
    (b"\x00\x00\x00\x14ftyp3gp4", "video/3gpp", "video/3gpp"),
    (b"\x00\x00\x00\x14ftyp3g2a", "audio/3gpp2", "video/3gpp"),
    (b"#!AMR\n\x3c", "audio/amr", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb", "audio/amr"),
    (b"ID3\x04\x00", "audio/mpeg", "audio/mpeg"),
    (b"\xff\xfb\x90\x64", "audio/mp3", "audio/mpeg"),
    (b"\xff\xf3\x84\xc4", "audio/mpeg", "audio/mpeg"),
    (b"OggS\x00\x02", "audio/ogg", "audio/ogg"),
    (b"BEGIN:VCARD\r\nVERSION:3.0", "text/x-vcard; charset=utf-8", "text/vcard"),
    (b"\xef\xbb\xbf\r\nbegin:vcard\n", "text/vcard", "text/vcard"),
    (b"%PDF-1.7\n", "application/pdf", "application/pdf"),
]
UNKNOWN = [
    (b"", "image/jpeg"),
    (b"\xff\xd8", "image/jpeg"),
    (b"<!DOCTYPE html>", "text/html"),
    (b"<svg xmlns=", "image/svg+xml"),
    (b"<?xml version=", "image/svg+xml"),
    (b"  <html>", "image/jpeg"),
    (b"GIF88a", "image/gif"),
    (b"BM\x00\x00", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"RIFF\x24\x00\x00\x00WAVE", "audio/wav"),
    (b"RIFF\x24\x00\x00\x00AVI ", "video/avi"),
    (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
    (b"\x00\x00\x00\x14ftypheic", "image/heic"),
    (b"\x00\x00\x00\x14ftypavif", "image/avif"),
    (b"\xff\xf1\x50\x80", "audio/aac"),
    (b"\xff\xfe<\x00h\x00", "text/html"),
    (b"\xff\xfb\xf0\x64", "audio/mpeg"),
    (b"\xff\xe8\x90\x64", "audio/mpeg"),
    (b"\xff\xfb\x9c\x64", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"MZ\x90\x00", "application/octet-stream"),
    (b"\x7fELF", "application/octet-stream"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"#!/bin/sh", "text/plain"),
    (b"x %PDF-1.7", "application/pdf"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
]


@pytest.mark.parametrize(("head", "declared", "kept_as"), BEGINNINGS)
def test_a_file_is_kept_as_what_its_beginning_and_its_name_agree_on(
    head: bytes, declared: str, kept_as: str
) -> None:
    assert agreed_type(head, declared) == kept_as


@pytest.mark.parametrize(("head", "declared"), UNKNOWN)
def test_a_beginning_that_we_do_not_keep_is_refused_whatever_it_is_called(
    head: bytes, declared: str
) -> None:
    for name in (declared, "image/jpeg", "application/pdf", "text/vcard"):
        with pytest.raises(MediaRefused) as refused:
            agreed_type(head, name)
        assert refused.value.problem is Problem.TYPE_NOT_ALLOWED


@pytest.mark.parametrize("head", [head for head, _, _ in BEGINNINGS])
@pytest.mark.parametrize(
    "declared", ["", "text/html", "application/octet-stream", "image/svg+xml", "image/jpeg2", "*/*"]
)
def test_a_file_that_was_served_as_something_else_is_refused(head: bytes, declared: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        agreed_type(head, declared)

    assert refused.value.problem is Problem.TYPE_MISMATCH


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=80), st.text(max_size=30))
def test_any_beginning_under_any_name_is_judged_without_any_other_error(
    head: bytes, declared: str
) -> None:
    try:
        kept_as = agreed_type(head, declared)
    except MediaRefused as refused:
        kept_as = refused.problem

    assert kept_as in {kept_as for _, _, kept_as in BEGINNINGS} | set(Problem)


@pytest.mark.parametrize("kept_as", sorted({kept_as for _, _, kept_as in BEGINNINGS}))
def test_every_kept_type_has_a_name_to_download_under(kept_as: str) -> None:
    assert not MediaItem(index=0, type=kept_as).filename.endswith(".bin")


def test_rows_that_look_alike_keep_their_files_apart() -> None:
    refs = [RowRef("a", "b"), RowRef("a\nb", ""), RowRef("ab", ""), RowRef("", "a\nb")]

    keys = {media_key(ref, index) for ref in refs for index in range(3)}

    assert len(keys) == 3 * len(refs)
    assert all(len(key) <= 80 and key.startswith("media/") for key in keys)


def test_notes_come_back_in_the_order_of_the_files() -> None:
    noted: dict[str, dict[str, Any]] = {
        "10": {"problem": "empty"},
        "2": {"type": "image/png", "bytes": 3, "key": "media/x/2"},
    }

    assert items_of(noted) == (
        MediaItem(index=2, type="image/png", bytes=3, key="media/x/2"),
        MediaItem(index=10, problem="empty"),
    )
    assert items_of({}) == ()


def test_a_message_without_files_asks_for_none() -> None:
    assert fetch_tasks(RowRef("a", "b"), a_reply()) == []
