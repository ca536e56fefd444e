"""A place where people may be texted just now: the demo's contacts live there."""

from datetime import datetime
from zoneinfo import ZoneInfo

# Around the globe, so that somewhere it is the middle of the day.
_PLACES = (
    "Pacific/Auckland",
    "Australia/Sydney",
    "Asia/Tokyo",
    "Asia/Bangkok",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Europe/Athens",
    "Europe/Lisbon",
    "Atlantic/Azores",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Honolulu",
)
# Texas begins at noon on Sundays, the first states end at 20:00; a demo lasts minutes.
_BEST_HOUR = 14


def zone_in_daytime(now: datetime) -> str:
    """Return the IANA zone, of some around the globe, where it is nearest to 14:30 at *now*."""
    return min(_PLACES, key=lambda name: _from_noon(now.astimezone(ZoneInfo(name))))


def _from_noon(local: datetime) -> float:
    return abs(local.hour + local.minute / 60 - _BEST_HOUR - 0.5)
