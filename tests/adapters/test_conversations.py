"""The inbox's conversations, fake and real alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from carillon.adapters.dynamodb.conversations import DynamoConversations
from carillon.domain.clock import to_iso
from carillon.domain.conversation import (
    Conversation,
    Section,
    after_human_reply,
    after_inbound,
    assigned,
    conversation_id,
    left_the_queue,
    operated,
    reply_queued,
    tagged,
    with_attention,
)
from carillon.domain.conversation_search import key_asked
from carillon.domain.errors import Conflict, InvalidInput
from carillon.domain.inbox import Count, InboxFilter, InboxQueue, QueueKind
from carillon.domain.listing import Listing, Position
from carillon.domain.message import RowRef
from carillon.ports import ConversationBook
from tests.support.conversations import FakeBook, a_conversation, a_queued_reply, an_inbound
from tests.support.messages import after
from tests.support.tables import table_definitions

NORTH = InboxQueue(QueueKind.OFFICE, "off_north", Section.NEEDS_ATTENTION)
SOUTH = InboxQueue(QueueKind.OFFICE, "off_south", Section.NEEDS_ATTENTION)
CALM = InboxQueue(QueueKind.OFFICE, "off_north", Section.AGENT_OPERATED)
ALL = InboxFilter()


@dataclass(frozen=True)
class Books:
    """The book under test, and the client under it if there is one."""

    book: ConversationBook
    client: Any = None


@pytest.fixture(params=["fake", "dynamodb"])
def books(request: pytest.FixtureRequest) -> Iterator[Books]:
    if request.param == "fake":
        yield Books(FakeBook())
        return
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="emulated",
            aws_secret_access_key="emulated",
        )
        client.create_table(**table_definitions()["ConversationsTable"])
        yield Books(DynamoConversations(client, "ConversationsTable"), client)


@pytest.fixture
def book(books: Books) -> ConversationBook:
    return books.book


def thread(number: int) -> RowRef:
    return RowRef("cmp_a#00000", f"{number:032x}")


def numbered(number: int, **changes: Any) -> Conversation:
    """Return a conversation that needs attention, its last message *number* seconds after noon."""
    made = {"last_message_at": after(number), "needs_attention": True}
    return a_conversation(thread(number), **{**made, **changes})


def ids(listing: Listing[Conversation]) -> list[str]:
    return [one.id for one in listing.items]


def id_of(number: int) -> str:
    return conversation_id(thread(number))


def walked(
    book: ConversationBook, queues: list[InboxQueue], keep: InboxFilter, limit: int
) -> list[str]:
    found: list[str] = []
    position: Position | None = None
    while True:
        listing = book.page(queues, keep, limit, position)
        assert len(listing.items) <= limit
        found += ids(listing)
        position = listing.next
        if position is None:
            return found


def test_what_is_saved_is_read_back_whole(book: ConversationBook) -> None:
    full = after_inbound(numbered(1, campaign_id=None, first_name="Ada"), an_inbound(), after(61))
    full = assigned(tagged(full, ["hot", "new"], after(62)), "usr_1", after(63))
    full = after_human_reply(full, a_queued_reply(waited_s=4, author_subject=""))

    saved = book.save(full)

    assert saved == replace(full, version=1)
    assert book.get(full.id) == saved
    assert book.get(id_of(2)) is None


def test_of_two_writes_on_one_version_one_wins_and_the_other_is_told(
    book: ConversationBook,
) -> None:
    seen = book.save(numbered(1))
    book.save(tagged(seen, ["mine"], after(70)))

    with pytest.raises(Conflict) as refused:
        book.save(tagged(seen, ["late"], after(71)))

    assert (refused.value.code, refused.value.extra) == ("version_conflict", {"version": 2})
    present = book.get(seen.id)
    assert present is not None
    assert present.tags == ("mine",)


def test_a_conversation_begins_once(book: ConversationBook) -> None:
    book.save(numbered(1))

    with pytest.raises(Conflict) as refused:
        book.save(numbered(1))

    assert (refused.value.code, refused.value.extra) == ("version_conflict", {"version": 1})


def test_a_section_lists_its_own_newest_message_first(book: ConversationBook) -> None:
    for one in (numbered(1), numbered(3), numbered(2), numbered(4, office_id="off_south")):
        book.save(one)
    book.save(numbered(5, needs_attention=False))

    listing = book.page([NORTH], ALL, 10, None)

    assert (ids(listing), listing.next) == ([id_of(3), id_of(2), id_of(1)], None)


def test_a_conversation_moves_with_its_section_assignment_and_last_message(
    book: ConversationBook,
) -> None:
    mine = InboxQueue(QueueKind.USER, "usr_1", Section.AGENT_OPERATED)
    campaigns = InboxQueue(QueueKind.CAMPAIGN, "cmp_a", Section.NEEDS_ATTENTION)
    first = book.save(numbered(1))
    assert ids(book.page([campaigns], ALL, 10, None)) == [first.id]

    settled = with_attention(assigned(first, "usr_1", after(70)), False, after(70))
    settled = book.save(settled)

    assert ids(book.page([NORTH, campaigns], ALL, 10, None)) == []
    assert ids(book.page([mine], ALL, 10, None)) == [first.id]
    book.save(left_the_queue(settled, after(80)))
    for queue in (NORTH, CALM, mine, campaigns):
        assert (ids(book.page([queue], ALL, 10, None)), book.count(queue)) == ([], Count(0))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_several_queues_are_walked_as_one_whatever_the_page(
    book: ConversationBook, limit: int
) -> None:
    mine = InboxQueue(QueueKind.USER, "usr_1", Section.NEEDS_ATTENTION)
    for number in range(12):
        office = ("off_north", "off_south", "off_west")[number % 3]
        book.save(numbered(number, office_id=office, assigned_to="usr_1" if number < 5 else None))

    found = walked(book, [NORTH, SOUTH, mine], ALL, limit)

    assert found == [id_of(n) for n in reversed(range(12)) if n % 3 != 2 or n < 5]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_a_filter_skips_and_loses_nothing(book: ConversationBook, limit: int) -> None:
    for number in range(9):
        tags = ("hot",) if number % 3 == 0 else ()
        book.save(numbered(number, tags=tags, opt_out="auto" if number == 3 else None))

    hot = walked(book, [NORTH, SOUTH], InboxFilter(tag="hot"), limit)
    in_only = walked(book, [NORTH], InboxFilter(tag="hot", opted_out=False), limit)

    assert hot == [id_of(6), id_of(3), id_of(0)]
    assert in_only == [id_of(6), id_of(0)]


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_filter_that_lets_little_through_is_looked_at_bit_by_bit_and_loses_nothing(
    books: Books, limit: int, most: int
) -> None:
    if books.client is None:
        pytest.skip("a fake looks at everything")
    book = DynamoConversations(books.client, "ConversationsTable", most_looked_at=most)
    for number in range(12):
        # The north's are sparse and old, the south's all match.
        office = "off_north" if number % 3 else "off_south"
        tags = ("hot",) if number in (1, 7) or number % 3 == 0 else ()
        book.save(numbered(number, office_id=office, tags=tags))

    hot = walked(book, [NORTH, SOUTH], InboxFilter(tag="hot"), limit)

    assert hot == [id_of(n) for n in (9, 7, 6, 3, 1, 0)]


def test_a_filter_confines_to_offices_but_for_ones_own(book: ConversationBook) -> None:
    campaigns = InboxQueue(QueueKind.CAMPAIGN, "cmp_a", Section.NEEDS_ATTENTION)
    book.save(numbered(1))
    book.save(numbered(2, office_id="off_south"))
    book.save(numbered(3, office_id="off_south", assigned_to="usr_1"))

    offices = frozenset({"off_north"})
    found = book.page([campaigns], InboxFilter(offices=offices, own_subject="usr_1"), 9, None)

    assert ids(found) == [id_of(3), id_of(1)]
    assert ids(book.page([campaigns], InboxFilter(offices=offices), 9, None)) == [id_of(1)]


def test_a_queue_is_counted(book: ConversationBook) -> None:
    for number in range(3):
        book.save(numbered(number))

    assert (book.count(NORTH), book.count(SOUTH)) == (Count(3), Count(0))


def test_a_cursor_of_another_listing_is_refused(book: ConversationBook) -> None:
    with pytest.raises(InvalidInput) as refused:
        book.page([NORTH], ALL, 10, {"gsi1pk": "x"})

    assert refused.value.code == "cursor_invalid"


def test_what_moved_since_is_found(book: ConversationBook) -> None:
    for number in (10, 20, 30):
        book.save(numbered(number))

    assert [one.id for one in book.newer([NORTH, NORTH], to_iso(after(20)), 9)] == [
        id_of(20),
        id_of(30),
    ]
    assert [one.id for one in book.newer([NORTH], to_iso(after(20)), 1)] == [id_of(20)]
    assert [one.id for one in book.newer([NORTH], numbered(20).place, 9)] == [id_of(30)]


def test_a_promised_reply_is_found_until_the_conversation_lets_go_of_it(
    book: ConversationBook,
) -> None:
    for number in (10, 20, 30):
        told = book.save(numbered(number))
        if number != 20:
            reply = a_queued_reply(f"rpl_{number}", number)
            told = book.save(after_human_reply(told, reply))
            left = left_the_queue(told, after(number))
            book.save(left if number == 30 else told)

    assert book.promised(after(10), 9) == []
    assert book.promised(after(11), 9) == [id_of(10)]
    assert book.promised(after(99), 9) == [id_of(10), id_of(30)]
    assert book.promised(after(99), 1) == [id_of(10)]

    standing = book.get(id_of(10))
    assert standing is not None
    assert standing.outgoing is not None
    book.save(reply_queued(standing, standing.outgoing, after(40)))
    assert book.promised(after(99), 9) == [id_of(30)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("ada", [1, 3]),
        ("ÁDA  lov", [1]),
        ("Lovelace, A", [1]),
        ("turing", [2]),
        ("+1 (202) 555-01", [1, 2, 3]),
        ("12025550143", [2]),
        ("babbage", []),
    ],
)
def test_people_are_found_by_how_their_name_or_number_begins(
    book: ConversationBook, asked: str, expected: list[int]
) -> None:
    people = (("Ada", "Lovelace"), ("Alan", "Turing"), ("Ádám", ""))
    for number, (first, last) in enumerate(people, start=1):
        phone = f"+1202555014{number + 1}"
        book.save(numbered(number, first_name=first, last_name=last, phone=phone))
    book.save(numbered(9, office_id="off_south", first_name="Ada"))

    found = book.search(["off_north"], key_asked(asked), 10, None)

    assert (sorted(ids(found)), found.next) == (sorted(map(id_of, expected)), None)


def test_what_is_found_comes_in_pages_over_several_offices(book: ConversationBook) -> None:
    for number in range(5):
        office = "off_north" if number % 2 else "off_south"
        book.save(numbered(number, office_id=office, first_name=f"Ada{number}", phone="+4930123"))

    found: list[str] = []
    position: Position | None = None
    while True:
        listing = book.search(["off_north", "off_south"], key_asked("ada"), 2, position)
        found += ids(listing)
        position = listing.next
        if position is None:
            break

    assert found == [id_of(number) for number in range(5)]


@pytest.mark.parametrize("asked", ["a", "é", "123", "+1 2", "", "?!"])
def test_too_little_to_look_for_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        key_asked(asked)

    assert refused.value.field == "q"


def test_turns_are_given_out_one_by_one(book: ConversationBook) -> None:
    assert [book.next_turn("a"), book.next_turn("a"), book.next_turn("b")] == [0, 1, 0]


def test_a_write_whose_answer_was_lost_is_known_again(books: Books) -> None:
    """botocore says a request again when its answer does not come: no conflict with itself."""
    if books.client is None:
        pytest.skip("a fake loses no answers")
    send = books.client.put_item

    def twice(**request: Any) -> Any:
        send(**request)
        return send(**request)

    books.client.put_item = twice
    first = books.book.save(numbered(1))

    assert books.book.save(operated(first, "agent", after(9))).version == 2


def test_search_entries_that_were_not_taken_are_said_again(books: Books) -> None:
    if books.client is None:
        pytest.skip("a fake takes everything")
    send = books.client.batch_write_item
    refused: list[Any] = []

    def refuse_once(**request: Any) -> Any:
        if not refused:
            refused.append(request["RequestItems"])
            return {"UnprocessedItems": request["RequestItems"]}
        return send(**request)

    books.client.batch_write_item = refuse_once
    books.book.save(numbered(1, first_name="Ada"))

    assert ids(books.book.search(["off_north"], key_asked("ada"), 9, None)) == [id_of(1)]
