from collections.abc import Iterator

import pytest

from tests.support.stores import Stores, dynamo_stores, fake_stores


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """The send path's stores: once as fakes, once as the adapters over emulated tables."""
    if request.param == "fake":
        yield fake_stores()
        return
    with dynamo_stores() as real:
        yield real
