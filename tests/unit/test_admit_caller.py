"""P2, P3: who comes in with a token or a key, and as what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from carillon.domain.api_keys import mint
from carillon.domain.permissions import KeyKind, Role
from carillon.usecases.admit_caller import Admitted, Door, admit_caller
from tests.support.clock import NOON, FakeClock
from tests.support.people import FakeApiKeys, FakeUserRecords, a_user_record, an_api_key

TOKEN = "header.claims.signature"


class Tokens:
    """Implements ``ports.AccessTokens``: one token is genuine."""

    def __init__(self, **claims: Any) -> None:
        self._claims = {"sub": "usr_1", "cognito:groups": ["role.manager", "office.off_1"]} | claims

    def claims(self, token: str) -> Mapping[str, Any] | None:
        return self._claims if token == TOKEN else None


@dataclass
class Scene:
    tokens: Tokens = field(default_factory=Tokens)
    records: FakeUserRecords = field(default_factory=FakeUserRecords)
    keys: FakeApiKeys = field(default_factory=FakeApiKeys)
    clock: FakeClock = field(default_factory=FakeClock)

    def admit(self, text: str) -> Admitted | None:
        return admit_caller(text, Door(self.tokens, self.records, self.keys, self.clock))


def a_key(scene: Scene, kind: KeyKind = KeyKind.LIVE, **changes: Any) -> str:
    minted = mint(kind)
    scene.keys.create(an_api_key(minted.id, kind=kind, secret_hash=minted.secret_hash, **changes))
    return minted.text


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", TOKEN])
def test_a_person_comes_in_as_their_token_says(shown: str) -> None:
    assert Scene().admit(shown) == Admitted("usr_1", ("office.off_1", "role.manager"))


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer x.y.z", "Basic abc", f"{TOKEN}x"])
def test_nobody_else_comes_in(shown: str) -> None:
    assert Scene().admit(shown) is None


def test_a_token_without_groups_gives_nothing() -> None:
    assert Scene(tokens=Tokens(**{"cognito:groups": None})).admit(TOKEN) == Admitted("usr_1", ())


def test_a_disabled_user_is_turned_away_whatever_their_token_says() -> None:
    scene = Scene(records=FakeUserRecords(a_user_record(disabled=True)))

    assert scene.admit(TOKEN) is None


def test_a_demoted_user_is_what_the_record_says_before_their_token_ends() -> None:
    scene = Scene(records=FakeUserRecords(a_user_record(role=Role.AGENT, offices=())))

    assert scene.admit(TOKEN) == Admitted("usr_1", ("role.agent",))


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_machine_comes_in_as_its_key_says(kind: KeyKind) -> None:
    scene = Scene()
    text = a_key(scene, kind, role=Role.ANALYST, offices=("off_1", "off_2"))

    admitted = scene.admit(f"Bearer {text}")

    assert admitted is not None
    assert admitted.groups == ("role.analyst", "office.off_1", "office.off_2")
    assert admitted.key is kind


def test_a_key_that_was_never_made_a_wrong_secret_and_a_revoked_one_are_turned_away() -> None:
    scene = Scene()
    good, revoked = a_key(scene), a_key(scene, revoked_at=NOON - timedelta(days=1))
    wrong = good.rpartition("_")[0] + "_" + mint(KeyKind.LIVE).text.rpartition("_")[2]

    assert scene.admit(good) is not None
    assert [scene.admit(one) for one in (mint(KeyKind.LIVE).text, wrong, revoked)] == [None] * 3
    assert scene.admit("crl_live_x") is None


def test_a_use_is_noted_once_an_hour() -> None:
    scene = Scene()
    text = a_key(scene)
    uses = []

    for _ in range(3):
        admitted = scene.admit(text)
        assert admitted is not None
        uses.append(scene.keys.get(admitted.subject).last_used_at)
        scene.clock.sleep(1800)

    assert uses == [NOON, NOON, NOON + timedelta(hours=1)]


def test_a_key_that_is_turned_away_is_not_noted_as_used() -> None:
    scene = Scene()
    text = a_key(scene, revoked_at=NOON)

    scene.admit(text)

    assert scene.keys.page(1, None).items[0].last_used_at is None
