"""What a message is counted against (F6, K17)."""

from zoneinfo import ZoneInfo

from carillon.usecases.spend_budgets import limits_of
from tests.support.clock import NOON
from tests.support.management import a_campaign, a_sender


def test_a_test_uses_up_nothing_of_the_senders_day() -> None:
    """P3: a test key could otherwise hold every real campaign and answer until midnight."""
    sender = a_sender(daily_limit=5)

    assert len(limits_of(a_campaign(), sender, ZoneInfo("UTC"), NOON)) == 1
    assert limits_of(a_campaign(is_test=True), sender, ZoneInfo("UTC"), NOON) == []
