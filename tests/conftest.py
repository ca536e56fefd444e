"""For every test: nothing that is logged may hold a phone number or a message text."""

from tests.support.log_watch import (  # noqa: F401 - pytest finds its hooks here
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)
