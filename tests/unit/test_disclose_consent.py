"""What people wrote is their office's to read; that they opted out is everybody's (O6, P2)."""

from dataclasses import replace

import pytest

from carillon.domain.consent import Circumstances, ConsentEntry, ConsentSource
from carillon.domain.permissions import Caller, Role
from carillon.usecases.disclose_consent import Disclosure
from tests.support.messages import PHONE, after
from tests.support.sending import FakeDirectory, a_campaign

AGENT = Caller("usr_1", Role.AGENT, frozenset({"off_north"}))
MANAGER = replace(AGENT, role=Role.MANAGER)
ADMIN = Caller("usr_2", Role.ADMIN, frozenset())


def an_entry(**circumstances: str) -> ConsentEntry:
    return ConsentEntry(
        phone=PHONE,
        opted_out=True,
        event_at=after(1),
        recorded_at=after(2),
        source=ConsentSource.KEYWORD,
        cause="SM1",
        circumstances=Circumstances(**circumstances),
    )


OWN = an_entry(wording="stop, Ann", campaign_id="cmp_a", conversation="thr_1")
FOREIGN = an_entry(
    wording="stop, Bob", campaign_id="cmp_b", conversation="thr_2", reason="On the phone.", by="u"
)
UNSOLICITED = an_entry(wording="stop, Cat", conversation="thr_3")
UNKNOWN = an_entry(wording="stop, Dan", campaign_id="cmp_gone")
THE_ORGANISATIONS = an_entry(by="usr_9", reason="A letter.")
ALL = [OWN, FOREIGN, UNSOLICITED, UNKNOWN, THE_ORGANISATIONS]


def shown(caller: Caller, entry: ConsentEntry) -> dict[str, object]:
    directory = FakeDirectory()
    directory.campaigns["cmp_a"] = a_campaign("cmp_a", office_id="off_north")
    directory.campaigns["cmp_b"] = a_campaign("cmp_b", office_id="off_south")
    return Disclosure.to(caller, ALL, directory).shown(entry)


@pytest.mark.parametrize("caller", [AGENT, MANAGER], ids=["agent", "manager"])
@pytest.mark.parametrize("entry", [OWN, THE_ORGANISATIONS], ids=["own", "organisation's"])
def test_what_was_said_to_the_callers_office_or_by_the_organisation_is_shown_whole(
    caller: Caller, entry: ConsentEntry
) -> None:
    assert shown(caller, entry) == {**entry.flat(), "withheld": False}


@pytest.mark.parametrize("caller", [AGENT, MANAGER], ids=["agent", "manager"])
@pytest.mark.parametrize(
    "entry", [FOREIGN, UNSOLICITED, UNKNOWN], ids=["foreign", "unsolicited", "unknown"]
)
def test_what_was_said_to_another_office_is_shown_without_its_words(
    caller: Caller, entry: ConsentEntry
) -> None:
    seen = shown(caller, entry)

    assert seen == {
        **entry.flat(),
        "wording": "",
        "reason": "",
        "campaign_id": None,
        "conversation": None,
        "withheld": True,
    }
    assert (seen["opted_out"], seen["source"], seen["event_at"]) == (True, "keyword", after(1))


@pytest.mark.parametrize("entry", ALL)
def test_an_admin_sees_all(entry: ConsentEntry) -> None:
    assert shown(ADMIN, entry) == {**entry.flat(), "withheld": False}
