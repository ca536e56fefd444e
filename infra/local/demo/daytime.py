"""
A place where people may be texted just now: the demo's contacts live there.

Nobody is texted in their night, so a sample with fixed places would wait at most hours of
the day. ``python -m infra.local.demo.daytime IN.csv OUT.csv`` copies a UTF-8 file of contacts with
one more column, a time zone where it is the middle of the day.
"""

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

COLUMN = "Time zone"

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


def copy_in_daytime(source: Path, target: Path) -> None:
    """Write the contacts of *source* to *target*, all of them where it is daytime now."""
    zone = zone_in_daytime(datetime.now(UTC))
    with (
        source.open(newline="", encoding="utf-8-sig") as file,
        target.open("w", newline="", encoding="utf-8") as copy,
    ):
        rows, written = csv.reader(file), csv.writer(copy)
        written.writerow([*next(rows), COLUMN])
        written.writerows([*row, zone] for row in rows)


if __name__ == "__main__":
    copy_in_daytime(Path(sys.argv[1]), Path(sys.argv[2]))
