"""A file's way from the provider's store to ours: twice, late, crashed, refused."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from carillon.domain.errors import NotFound, Throttled
from carillon.domain.media import FetchedFile, MediaItem, MediaRefused, Problem, media_key
from carillon.domain.message import RowRef
from carillon.usecases.keep_media import GIVE_UP_AFTER, KeepingWorld, keep_media
from tests.support.clock import FakeClock
from tests.support.media import JPEG, PICTURE, FakeAttachments, FakeFiles, FakeSource
from tests.support.messages import KEY, LEAD, a_reply
from tests.support.sending import FakeDirectory, FakeMessages, a_sender

REF = RowRef(LEAD.pk, f"{KEY}#in#SMin1")
URLS = ("https://media.example.com/1", "https://media.example.com/2")
KEPT = MediaItem(index=0, type="image/jpeg", bytes=len(JPEG), key=media_key(REF, 0))
MOST_TRIES = 10


@dataclass
class Scene:
    """A message with two pictures that has just come in."""

    clock: FakeClock = field(default_factory=FakeClock)
    messages: FakeMessages = field(default_factory=FakeMessages)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    source: FakeSource = field(default_factory=FakeSource)
    files: FakeFiles = field(default_factory=FakeFiles)

    def __post_init__(self) -> None:
        self.attachments = FakeAttachments(self.messages)
        self.directory.sender_by_id["snd_a"] = a_sender()
        self.source.files = {URLS[0]: PICTURE, URLS[1]: FetchedFile("application/pdf", b"%PDF-1")}
        reply = a_reply("look", media_urls=URLS, received_at=self.clock.now())
        self.messages.record_inbound(REF, reply, keyword="none", office_id="off_north")

    def keep(self, index: int = 0) -> MediaItem:
        world = KeepingWorld(
            attachments=self.attachments,
            directory=self.directory,
            source=self.source,
            files=self.files,
            clock=self.clock,
        )
        return keep_media(REF, index, world)

    def refuse(self, problem: Problem) -> None:
        self.source.files[URLS[0]] = MediaRefused(problem)

    def noted(self) -> dict[str, dict[str, object]]:
        media: dict[str, dict[str, object]] = self.messages.items[REF]["media"]
        return media


def test_a_file_is_kept_as_what_it_is_and_noted_with_its_message() -> None:
    scene = Scene()

    assert scene.keep() == KEPT

    assert scene.source.asked == [(URLS[0], "snd_a")]
    assert scene.files.kept == {
        KEPT.key: {"body": JPEG, "content_type": "image/jpeg", "filename": "attachment-1.jpg"}
    }
    assert scene.noted() == {"0": {"type": "image/jpeg", "bytes": len(JPEG), "key": KEPT.key}}


def test_each_file_of_a_message_has_a_place_of_its_own() -> None:
    scene = Scene()

    items = [scene.keep(index) for index in (1, 0)]

    assert [item.key.rpartition("/")[2] for item in items] == ["1", "0"]
    assert set(scene.files.kept) == {item.key for item in items}
    assert sorted(scene.noted()) == ["0", "1"]


def test_a_file_that_is_noted_is_not_asked_for_again() -> None:
    scene = Scene()

    items = [scene.keep() for _ in range(3)]

    assert items == [KEPT] * 3
    assert len(scene.source.asked) == 1


def test_a_crash_between_keeping_and_noting_is_made_up_for_by_the_next_try() -> None:
    scene = Scene()
    note = scene.attachments.note

    def crash(ref: RowRef, item: MediaItem) -> MediaItem:
        scene.attachments.note = note  # type: ignore[method-assign]
        raise ConnectionError

    scene.attachments.note = crash  # type: ignore[method-assign]

    with pytest.raises(ConnectionError):
        scene.keep()
    assert scene.noted() == {}

    assert scene.keep() == KEPT
    assert list(scene.files.kept) == [KEPT.key]


def test_a_file_that_cannot_be_kept_is_not_noted_as_kept() -> None:
    class FullFiles(FakeFiles):
        def put_attachment(self, *args: object, **kwargs: object) -> None:
            raise ConnectionError

    scene = Scene(files=FullFiles())

    with pytest.raises(ConnectionError):
        scene.keep()

    assert scene.noted() == {}


@pytest.mark.parametrize(
    "problem",
    [
        Problem.BAD_ADDRESS,
        Problem.FORBIDDEN_ADDRESS,
        Problem.FORBIDDEN_HOST,
        Problem.REDIRECTED,
        Problem.ENCODED,
        Problem.EMPTY,
        Problem.TOO_LARGE,
        Problem.TYPE_NOT_ALLOWED,
        Problem.TYPE_MISMATCH,
    ],
)
def test_a_file_that_is_refused_is_noted_with_the_reason_and_never_asked_for_again(
    problem: Problem,
) -> None:
    scene = Scene()
    scene.refuse(problem)

    items = [scene.keep(), scene.keep()]

    assert items == [MediaItem(index=0, problem=problem.value)] * 2
    assert (scene.files.kept, len(scene.source.asked)) == ({}, 1)
    assert not items[0].is_kept


@pytest.mark.parametrize(
    "problem",
    [
        Problem.DENIED,
        Problem.UNRESOLVED,
        Problem.UNREACHABLE,
        Problem.UNAVAILABLE,
        Problem.TOO_SLOW,
    ],
)
def test_a_file_that_cannot_be_had_now_is_tried_again_and_kept_when_it_is_there(
    problem: Problem,
) -> None:
    scene = Scene()
    scene.refuse(problem)

    with pytest.raises(Throttled) as waiting:
        scene.keep()
    assert (waiting.value.retry_after_s, scene.noted()) == (30.0, {})

    scene.source.files[URLS[0]] = PICTURE
    assert scene.keep() == KEPT


def test_a_file_that_does_not_come_is_noted_as_missing_before_its_queue_gives_up() -> None:
    scene = Scene()
    scene.refuse(Problem.UNAVAILABLE)
    tries, waits = 0, list[float]()

    while not scene.noted():
        tries += 1
        try:
            scene.keep()
        except Throttled as waiting:
            waits.append(waiting.retry_after_s)
            scene.clock.sleep(waits[-1])

    assert all(30 <= wait_s <= 900 for wait_s in waits)
    assert scene.noted() == {"0": {"problem": "unavailable"}}
    # Some are left for a function that dies.
    assert tries <= MOST_TRIES - 2
    assert scene.clock.now() - a_reply(received_at=FakeClock().now()).received_at >= GIVE_UP_AFTER


def test_a_message_that_waited_long_in_the_queue_is_tried_once_all_the_same() -> None:
    scene = Scene()
    scene.clock.sleep(timedelta(days=2).total_seconds())

    assert scene.keep() == KEPT


@pytest.mark.parametrize("index", [-1, 2, 10])
def test_a_file_that_the_message_does_not_have_is_not_found(index: int) -> None:
    with pytest.raises(NotFound):
        Scene().keep(index)
