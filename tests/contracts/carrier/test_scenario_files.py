"""A scenario file that cannot be used is refused with one clear sentence."""

from pathlib import Path

import pytest

import infra.local.carrier
from infra.local.carrier import Scenario, ScenarioError, load_scenario
from infra.local.carrier.dice import Dice

SHIPPED = sorted(Path(infra.local.carrier.__file__).with_name("scenarios").glob("*.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_loads(path: Path) -> None:
    assert load_scenario(path).description != ""


def test_calm_and_faults_are_shipped() -> None:
    assert [path.stem for path in SHIPPED] == ["calm", "faults"]


def test_the_calm_scenario_is_an_ordinary_day() -> None:
    calm = load_scenario(SHIPPED[0])

    assert sum(calm.request_faults().values()) == 0
    assert calm.delivery_delay_s == (0.3, 1.5)
    assert sum(calm.failure_rates.values()) == pytest.approx(0.03)
    assert (calm.reply_rate, calm.stop_rate) == (0.1, 0.02)


def test_an_empty_object_is_a_carrier_to_which_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{}")

    scenario = load_scenario(tmp_path / "s.json")

    assert scenario == Scenario()
    assert sum(scenario.request_faults().values()) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "a scenario must be a JSON object"),
        ('{"seed": 1,}', "is not JSON ("),
        ('{"drop_rate": 0.1}', "drop_rate is not a scenario setting"),
        ('{"stop_rate": "0.1"}', "stop_rate must be a number, not '0.1'"),
        ('{"stop_rate": true}', "stop_rate must be a number, not True"),
        ('{"stop_rate": 1.5}', "stop_rate must be a share from 0 to 1, not 1.5"),
        ('{"stop_rate": NaN}', "stop_rate must be a share from 0 to 1, not nan"),
        ('{"hang_s": -1}', "hang_s must be seconds from 0 to 86400, not -1"),
        ('{"seed": 1.5}', "seed must be a whole number, not 1.5"),
        ('{"sent_receipt": 1}', "sent_receipt must be true or false, not 1"),
        ('{"description": 1}', "description must be a text, not 1"),
        ('{"messages_per_second": -1}', "messages_per_second must not be negative"),
        ('{"reply_delay_s": 1}', "reply_delay_s must be two seconds, [from, to], not 1"),
        ('{"reply_delay_s": [2, 1]}', "reply_delay_s must not start after it ends, as [2, 1] does"),
        ('{"stop_texts": []}', "stop_texts must be a list of at least one text, not []"),
        ('{"stop_texts": "STOP"}', "stop_texts must be a list of at least one text, not 'STOP'"),
        ('{"reply_texts": {"hi": 0}}', "reply_texts must have weights above 0"),
        ('{"reply_texts": ["hi"]}', "reply_texts must be texts with their weights"),
        ('{"failure_rates": {"21211": 0.1}}', "failure_rates has the unknown code '21211'"),
        ('{"rejection_rates": {"30003": 0.1}}', "rejection_rates has the unknown code '30003'"),
        ('{"failure_rates": {"30003": 2}}', "failure_rates 30003 must be a share from 0 to 1"),
        (
            '{"failure_rates": {"30003": 0.6, "30005": 0.6}}',
            "failure_rates must not add up to more than 1",
        ),
        (
            '{"drop_reply_rate": 0.6, "too_many_requests_rate": 0.6}',
            "the request faults must not add up to more than 1",
        ),
        (
            '{"reply_rate": 0.6, "stop_rate": 0.6}',
            "reply_rate, stop_rate and help_rate must not add up to more than 1",
        ),
    ],
)
def test_a_bad_file_names_itself_and_the_mistake(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)

    with pytest.raises(ScenarioError) as refused:
        load_scenario(path)

    assert str(refused.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path / "absent.json")


def test_a_scenario_made_in_code_is_checked_as_well() -> None:
    with pytest.raises(ScenarioError, match="stop_rate must be a share"):
        Scenario(stop_rate=2)


def test_draws_are_spread_evenly_and_stay_the_same() -> None:
    draws = [Dice(7, phone, 1).unit("outcome") for phone in range(4000)]

    assert draws == [Dice(7, phone, 1).unit("outcome") for phone in range(4000)]
    shares = [sum(low <= draw < low + 0.1 for draw in draws) for low in (0, 0.3, 0.6, 0.9)]
    assert all(320 <= share <= 480 for share in shares)
