"""P3: keys are shown once, kept as a hash, scoped, revocable."""

from datetime import timedelta

import pytest

from carillon.domain.api_keys import PresentedKey, mint, presented
from carillon.domain.errors import Conflict, Forbidden, InvalidInput
from carillon.domain.permissions import (
    PEOPLE_ONLY,
    PERMISSIONS,
    TEST_KEY_CHANGES,
    Caller,
    KeyKind,
    Role,
    Scope,
    access_to,
)
from carillon.usecases.manage_api_keys import ManageApiKeys, NewApiKey
from tests.support.clock import NOON, FakeClock
from tests.support.management import (
    OFFICE,
    OTHER_OFFICE,
    FakeOffices,
    an_access,
    an_office,
    an_origin,
)
from tests.support.people import FakeApiKeys, an_api_key

DAY = timedelta(days=1)


def managed(keys: FakeApiKeys) -> ManageApiKeys:
    return ManageApiKeys(keys, FakeOffices(an_office(), an_office(OTHER_OFFICE)), FakeClock())


def shown(text: str) -> PresentedKey:
    key = presented(text)
    assert key is not None
    return key


def test_a_new_key_opens_with_the_text_that_was_shown_and_only_its_hash_is_kept() -> None:
    keys = FakeApiKeys()

    key, minted = managed(keys).create(
        an_origin(), NewApiKey(name=" ETL ", role="analyst", offices=(OTHER_OFFICE, OFFICE))
    )

    assert minted.text.startswith("crl_live_")
    secret = minted.text.rpartition("_")[2]
    assert secret not in repr(keys.get(key.id))
    assert secret not in repr(minted)
    assert keys.get(key.id).opens_for(shown(minted.text), NOON)
    assert (key.name, key.role, key.offices) == ("ETL", Role.ANALYST, (OFFICE, OTHER_OFFICE))


def test_a_secret_has_256_random_bits_and_no_two_are_alike() -> None:
    one, other = mint(KeyKind.TEST), mint(KeyKind.TEST)

    assert len(bytes.fromhex(one.text.rpartition("_")[2])) * 8 == 256
    assert (one.id, one.text, one.secret_hash) != (other.id, other.text, other.secret_hash)
    assert one.text.startswith("crl_test_")


def test_another_secret_does_not_open() -> None:
    mine, other = mint(KeyKind.LIVE), mint(KeyKind.LIVE)
    key = an_api_key(mine.id, secret_hash=mine.secret_hash)
    forged = mine.text.rpartition("_")[0] + "_" + other.text.rpartition("_")[2]

    assert key.opens_for(shown(mine.text), NOON)
    assert not key.opens_for(shown(forged), NOON)


def test_a_test_key_does_not_open_as_a_live_one() -> None:
    minted = mint(KeyKind.TEST)
    key = an_api_key(minted.id, kind=KeyKind.TEST, secret_hash=minted.secret_hash)

    assert not key.opens_for(shown(minted.text.replace("test", "live", 1)), NOON)


def test_a_revoked_or_expired_key_does_not_open() -> None:
    minted = mint(KeyKind.LIVE)
    look = shown(minted.text)
    key = an_api_key(minted.id, secret_hash=minted.secret_hash, expires_at=NOON)
    revoked = an_api_key(minted.id, secret_hash=minted.secret_hash, revoked_at=NOON - DAY)

    assert key.opens_for(look, NOON - timedelta(seconds=1))
    assert not key.opens_for(look, NOON)
    assert not revoked.opens_for(look, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "crl_live_",
        "crl_prod_aaaaaaaaaaaaaaaa_" + "0" * 64,
        "crl_live_aaaaaaaaaaaaaaaa_" + "0" * 63,
        "crl_live_aaaaaaaaaaaaaaaa_" + "0" * 64 + "\n",
        "crl_live_aaaaaaaa#aaaaaaa_" + "0" * 64,
        "eyJhbGciOiJSUzI1NiJ9.e30.x",
    ],
)
def test_what_has_not_the_shape_of_a_key_is_none(text: str) -> None:
    assert presented(text) is None


def test_a_key_for_an_office_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        managed(FakeApiKeys()).create(
            an_origin(), NewApiKey(name="x", role="agent", offices=("off_9",))
        )

    assert raised.value.field == "offices"


def test_a_key_that_has_expired_already_is_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        managed(FakeApiKeys()).create(
            an_origin(), NewApiKey(name="x", role="agent", expires_at=NOON)
        )

    assert raised.value.field == "expires_at"


def test_a_key_is_revoked_once_and_stays_in_the_list() -> None:
    keys = managed(FakeApiKeys(an_api_key()))

    revoked = keys.revoke("key_1")
    with pytest.raises(Conflict) as raised:
        keys.revoke("key_1")

    assert revoked.revoked_at == NOON
    assert raised.value.code == "api_key_revoked"
    assert [one.id for one in keys.page(50, None).items] == ["key_1"]


def a_machine(kind: KeyKind, role: Role = Role.ADMIN) -> Caller:
    return Caller("key_1", role, frozenset({OFFICE}), kind)


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("route", sorted(PEOPLE_ONLY), ids=" ".join)
def test_no_key_makes_itself_a_successor_or_a_user(route: tuple[str, str], kind: KeyKind) -> None:
    with pytest.raises(Forbidden) as raised:
        access_to(*route, a_machine(kind))

    assert raised.value.code == "person_required"


@pytest.mark.parametrize(
    "route",
    sorted(one for one in PERMISSIONS if one[0] != "GET" and one not in PEOPLE_ONLY),
    ids=" ".join,
)
def test_a_test_key_changes_only_what_is_listed_for_it(route: tuple[str, str]) -> None:
    live = access_to(*route, a_machine(KeyKind.LIVE))
    assert live.scope is Scope.ALL

    if route in TEST_KEY_CHANGES:
        assert access_to(*route, a_machine(KeyKind.TEST)).scope is Scope.ALL
        return
    with pytest.raises(Forbidden) as raised:
        access_to(*route, a_machine(KeyKind.TEST))
    assert raised.value.code == "test_key_forbidden"


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("route", sorted(one for one in PERMISSIONS if one[0] == "GET"))
def test_a_key_reads_what_its_role_reads(route: tuple[str, str], kind: KeyKind) -> None:
    for role in Role:
        scope = PERMISSIONS[route][role]
        if scope is not Scope.NONE and route not in PEOPLE_ONLY:
            assert access_to(*route, a_machine(kind, role)).scope is scope


def test_a_test_key_may_change_test_campaigns_alone() -> None:
    test = an_access()
    machine = type(test)(a_machine(KeyKind.TEST, Role.MANAGER), Scope.OWN)

    machine.require_kind(is_test=True)
    test.require_kind(is_test=False)
    test.require_kind(is_test=True)
    with pytest.raises(Forbidden) as raised:
        machine.require_kind(is_test=False)
    assert raised.value.code == "test_key_forbidden"
