from collections.abc import Iterator

import pytest

from tests.support.stores import Stores, dynamo_stores, fake_stores, slim_stores


@pytest.fixture(params=["fake", "dynamodb", "slim"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """
    The send path's stores: once as fakes, once as the adapters over emulated tables.

    The adapters come twice: over boto3's client, and over the sender's own.
    """
    if request.param == "fake":
        yield fake_stores()
        return
    over = slim_stores if request.param == "slim" else dynamo_stores
    with over() as real:
        yield real
