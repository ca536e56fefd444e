from collections.abc import Iterator

import pytest

from infra.local.platform import LocalPlatform

# A lost receipt is asked for after seconds, not minutes; the grace is the shortest that the
# bounds of a provider call allow.
PARAMETERS = {
    "AmbiguousGraceSeconds": "45",
    "FirstPollAfterSeconds": "20",
    "ProtectData": "false",
}


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalPlatform]:
    """The deployed template on this machine, every function held to its role."""
    with LocalPlatform(enforce_iam=True, parameters=PARAMETERS) as running:
        yield running
