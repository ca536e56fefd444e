"""Which sender speaks to whom: near first, then by capacity, always the same (N3)."""

from collections import Counter

from carillon.domain.ids import lead_key
from carillon.domain.message import Recipient
from carillon.domain.sender_choice import Candidate, chosen_sender, why_chosen

DC = Candidate("snd_dc", "+12025550100", 10.0)
LA = Candidate("snd_la", "+12135550100", 10.0)
POOL = Candidate("snd_pool", "MG0123", 30.0)
ALL = (DC, LA, POOL)
IDS = frozenset(one.sender_id for one in ALL)


def a_recipient(phone: str) -> Recipient:
    return Recipient(lead_key(phone), phone)


PEOPLE = [a_recipient(f"+1404555{number:04d}") for number in range(4000)]


def test_a_number_of_the_recipients_own_area_code_comes_first() -> None:
    """N3: area code before capacity."""
    assert chosen_sender(a_recipient("+12025550199"), ALL, IDS) == "snd_dc"
    assert chosen_sender(a_recipient("+12135550199"), ALL, IDS) == "snd_la"


def test_the_others_are_dealt_by_capacity() -> None:
    """N3: those without a near number are dealt by capacity."""
    dealt = Counter(chosen_sender(one, ALL, IDS) for one in PEOPLE)

    for candidate in ALL:
        share = dealt[candidate.sender_id] / len(PEOPLE)
        assert abs(share - candidate.weight / 50) < 0.03


def test_a_contact_hears_from_the_same_sender_whatever_other_senders_there_are() -> None:
    """N3: sticky, over campaigns with other senders."""
    for one in PEOPLE[:300]:
        chosen = chosen_sender(one, ALL, IDS)
        fewer = [c for c in ALL if c.sender_id in (chosen, "snd_pool")]

        assert chosen_sender(one, fewer, IDS) == chosen
        assert chosen_sender(one, tuple(reversed(ALL)), IDS) == chosen


def test_a_sender_that_drops_out_hands_over_its_own_contacts_only() -> None:
    left = IDS - {"snd_la"}

    for one in PEOPLE[:500]:
        before, after = chosen_sender(one, ALL, IDS), chosen_sender(one, ALL, left)
        assert after != "snd_la"
        assert before in (after, "snd_la")


def test_when_no_sender_is_available_everybody_waits_for_their_own() -> None:
    for one in PEOPLE[:100]:
        assert chosen_sender(one, ALL, frozenset()) == chosen_sender(one, ALL, IDS)


def test_numbers_outside_north_america_have_no_area_code_of_ours() -> None:
    london, paris = (
        Candidate("snd_gb", "+442079460100", 1.0),
        Candidate("snd_fr", "+33144000000", 9),
    )
    people = [a_recipient(f"+4420794{number:05d}") for number in range(400)]

    dealt = Counter(chosen_sender(one, (london, paris), {"snd_gb", "snd_fr"}) for one in people)

    assert dealt["snd_fr"] > dealt["snd_gb"] > 0


def test_why_a_sender_spoke_is_told_as_if_all_had_been_available() -> None:
    near, far = a_recipient("+12025550199"), PEOPLE[0]
    chosen = chosen_sender(far, ALL, IDS)
    other = next(one for one in IDS if one != chosen)

    assert why_chosen(near, (DC,), "snd_dc") == "only_sender"
    assert why_chosen(near, ALL, "snd_dc") == "own_area_code"
    assert why_chosen(near, ALL, "snd_la") == "took_over"
    assert why_chosen(far, ALL, chosen) == "capacity"
    assert why_chosen(far, ALL, other) == "took_over"
    assert why_chosen(near, (), "snd_dc") == "dealt"
