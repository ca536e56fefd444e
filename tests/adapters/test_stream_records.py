"""Stream records become changes; what cannot be read is counted, never raised on."""

from typing import Any

import pytest

from carillon.adapters.dynamodb.stream import changes_of


def a_record(sequence: str = "100000000000000000001", **body: Any) -> dict[str, Any]:
    return {
        "eventName": "MODIFY",
        "dynamodb": {
            "Keys": {"pk": {"S": "cmp_1#00000"}, "sk": {"S": "aa"}},
            "SequenceNumber": sequence,
            **body,
        },
    }


IMAGE = {
    "pk": {"S": "cmp_1#00000"},
    "sk": {"S": "aa"},
    "kind": {"S": "lead"},
    "phone": {"S": "+12025550100"},
    "body": {"S": "secret"},
    "segments": {"N": "2"},
    "mms": {"BOOL": False},
    "error_code": {"NULL": True},
    "fields": {"M": {"city": {"S": "Ames"}}},
}


def test_a_record_is_read_without_phone_or_body() -> None:
    changes, unreadable = changes_of([a_record(NewImage=IMAGE)])

    assert unreadable == 0
    assert changes[0].partition == "cmp_1#00000"
    assert changes[0].position == "0000000000000000000100000000000000000001"
    assert (changes[0].old, changes[0].new) == (
        None,
        {"kind": "lead", "segments": 2, "mms": False},
    )


def test_a_deletion_by_ttl_is_told_from_one_of_ours() -> None:
    ours = a_record(OldImage=IMAGE)
    ttl = {**ours, "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}

    changes, _ = changes_of([ours, ttl])

    assert [change.expired for change in changes] == [False, True]


@pytest.mark.parametrize(
    "poison",
    [
        {},
        {"dynamodb": None},
        {"dynamodb": {"Keys": {}, "SequenceNumber": "1"}},
        a_record(sequence="not a number"),
        a_record(NewImage="not an image"),
        a_record(NewImage={"segments": {"N": "many"}}),
        a_record(NewImage={"kind": {}}),
        "not a record",
    ],
)
def test_a_poisoned_record_does_not_stop_the_others(poison: Any) -> None:
    changes, unreadable = changes_of([a_record("1", NewImage=IMAGE), poison, a_record("2")])

    assert [change.sequence_number for change in changes] == ["1", "2"]
    assert unreadable == 1
