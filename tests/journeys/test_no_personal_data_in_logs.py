"""The watch over the suite's logs (``tests/support/log_watch.py``) can fail."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.personal_data import personal_data_in, texts_of_fixtures

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sent to +12025550142", ["+12025550142"]),
        ('{"phone":"+14155550100"}', ["+14155550100"]),
        ("To=%2B12025550142&Body=x", ["%2B12025550142"]),
        ("call (202) 555-0142", ["202) 555-0142"]),
        ("12025550142 and 2025550143", ["12025550142", "2025550143"]),
        ('{"message":"Are you open on Sunday?"}', ["Are you open on Sunday?"]),
        ('{"message":"\\u00bfEst\\u00e1 abierto?"}', ["¿Está abierto?"]),
    ],
)
def test_a_phone_or_a_text_is_found_however_it_is_spelt(line: str, found: list[str]) -> None:
    texts = ["Are you open on Sunday?", "¿Está abierto?", "Never said"]

    assert personal_data_in(line, texts) == found


@pytest.mark.parametrize(
    "line",
    [
        '{"Timestamp":1795364484522,"webhook_refused":[1.0]}',
        "2026-11-22T12:00:09.555Z 0.2025551234 1e2025550142f",
        "SM20255501429999 cmp_2025550142 555-0142",
        "sender_paced submitted=6",
    ],
)
def test_times_ids_and_counts_are_no_phones(line: str) -> None:
    assert personal_data_in(line, ["Are you open on Sunday?"]) == []


def test_the_texts_that_tests_use_are_known() -> None:
    texts = texts_of_fixtures(ROOT / "tests")

    assert "Are you still open on Sunday?" in texts
    assert "who is this?" in texts
    assert all(len(text) >= 10 for text in texts)


LEAKS = {
    "a_phone_in_a_field": 'logger.info("sent", extra={"to": "+12025550142"})',
    "a_phone_in_a_message": 'logger.error("sent to %s", "+12025550142")',
    "a_phone_in_an_error": """
    try:
        raise ValueError("+12025550142")
    except ValueError:
        logger.exception("send_failed")
""",
    "a_text": 'logger.info("Are you still open on Sunday?")',
    "a_phone_in_a_structured_field": 'powertools.info("sent", to="+12025550142")',
    "a_phone_in_a_kept_field": 'powertools.append_keys(to="+12025550142"); powertools.info("sent")',
    "a_phone_in_a_metric": 'print(\'{"_aws":{},"service":"+12025550142"}\')',
}
HARMLESS = 'powertools.info("sender_paced", sender_id="snd_a", n=6)'
MODULE = """
import logging
from aws_lambda_powertools import Logger

logger = logging.getLogger("carillon")
logger.setLevel(logging.INFO)
powertools = Logger(service="leak")
"""


def run_pytest(folder: Path, acts: Mapping[str, str]) -> tuple[int, str]:
    """Run a session of one test for each act, and return its exit code and what it printed."""
    tests = (f"\n\ndef test_{name}():\n    {act}\n" for name, act in acts.items())
    (folder / "test_it.py").write_text(MODULE + "".join(tests))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.log_watch", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, ran.stdout


def test_a_session_that_logs_personal_data_fails_and_says_where_each_leak_is(
    tmp_path: Path,
) -> None:
    code, output = run_pytest(tmp_path, {"nothing_personal": HARMLESS, **LEAKS})

    _, found = output.split("PERSONAL DATA IN LOGS")
    assert code == 1
    assert f"{len(LEAKS) + 1} passed" in output
    assert [name for name in LEAKS if f"test_it.py::test_{name}" not in found] == []
    assert "nothing_personal" not in found


def test_a_session_that_logs_ids_and_counts_passes(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, {"it": HARMLESS})

    assert code == 0
    assert "PERSONAL DATA" not in output
