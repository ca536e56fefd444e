"""Canned replies: an office's own, checked when they are kept (V5)."""

from dataclasses import replace

import pytest

from carillon.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from carillon.domain.permissions import Role
from carillon.usecases.manage_canned_replies import (
    MAX_CANNED,
    ManageCannedReplies,
    NewCannedReply,
)
from tests.support.clock import NOON, FakeClock
from tests.support.conversations import FakeCannedReplies, a_canned_reply
from tests.support.inbox import OFFICES, signed_in
from tests.support.management import an_origin

MANAGER = signed_in(Role.MANAGER)
NEW = NewCannedReply(office_id="off_north", title=" Hours ", text="We open at 9.")


def _check_text(text: str) -> None:
    if text.count("{{") != text.count("}}"):
        raise InvalidInput("No template.", field="body", code="template_syntax")


def managing(shelf: FakeCannedReplies) -> ManageCannedReplies:
    return ManageCannedReplies(shelf, lambda: OFFICES, FakeClock(), _check_text)


def test_a_text_is_kept_once_for_one_request() -> None:
    shelf = FakeCannedReplies()

    made = managing(shelf).create(MANAGER, an_origin("k"), NEW)
    again = managing(shelf).create(MANAGER, an_origin("k"), NEW)

    assert made == again == shelf.of("off_north")[0]
    assert (made.title, made.created_at, made.created_by) == ("Hours", NOON, "usr_1")
    with pytest.raises(Conflict):
        managing(shelf).create(MANAGER, an_origin("k", digest="d2"), NEW)


def test_a_text_that_is_no_template_is_refused() -> None:
    broken = replace(NEW, text="Hi {{first_name")

    with pytest.raises(InvalidInput) as refused:
        managing(FakeCannedReplies()).create(MANAGER, an_origin(), broken)

    assert (refused.value.field, refused.value.code) == ("text", "template_syntax")


def test_only_an_office_of_ones_own_and_one_there_is_can_have_a_text() -> None:
    manage = managing(FakeCannedReplies())

    with pytest.raises(Forbidden):
        manage.create(MANAGER, an_origin(), replace(NEW, office_id="off_south"))
    with pytest.raises(InvalidInput):
        manage.create(signed_in(Role.ADMIN, ()), an_origin(), replace(NEW, office_id="off_none"))


def test_an_office_keeps_a_bounded_number() -> None:
    many = [a_canned_reply(f"can_{number}") for number in range(MAX_CANNED)]

    with pytest.raises(Conflict) as refused:
        managing(FakeCannedReplies(*many)).create(MANAGER, an_origin(), NEW)

    assert refused.value.code == "too_many_canned_replies"


def test_everybody_sees_and_removes_those_of_their_offices() -> None:
    north, south = a_canned_reply("can_n"), a_canned_reply("can_s", office_id="off_south")
    shelf = FakeCannedReplies(north, south)

    assert managing(shelf).all(MANAGER) == [north]
    assert managing(shelf).all(signed_in(Role.ADMIN, ())) == [north, south]
    with pytest.raises(NotFound):
        managing(shelf).remove(MANAGER, "can_s")
    assert managing(shelf).remove(MANAGER, "can_n") == north
    assert shelf.of("off_north") == []
