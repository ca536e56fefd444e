"""Where people of a test are, so that it passes at every hour of the day."""

from datetime import UTC, datetime

from carillon.domain.whereabouts import Whereabouts
from infra.local.demo.daytime import zone_in_daytime


def somewhere_in_daytime() -> Whereabouts:
    """Return a place where it is the middle of the day just now, under the federal rules."""
    return Whereabouts((zone_in_daytime(datetime.now(UTC)),), ("US",), "test")
