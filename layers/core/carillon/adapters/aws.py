"""boto3 clients with time-outs, whose answers set our clock: the one place that builds them."""

import os
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from carillon.adapters.dynamodb.slim import OPERATIONS, SlimClient
from carillon.adapters.kept_connections import KeptConnections
from carillon.adapters.signing import Signer
from carillon.adapters.system_clock import server_time
from carillon.domain.pacing import MOST_WORKERS

# A single call may not eat a function's time; botocore's own default is 60 s.
_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 5
# botocore still presigns with version 2 in us-east-1, which new buckets refuse.
_SIGNATURES = {"s3": "s3v4"}


@cache
def client(service: str, *, pool: int = 10) -> Any:
    """Return the process's client of *service*, with *pool* connections and standard retries."""
    made = boto3.client(
        service,
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            max_pool_connections=pool,
            retries={"mode": "standard", "max_attempts": 4},
            signature_version=_SIGNATURES.get(service),
            # botocore's own description of itself is put together twice for every request,
            # which is a seventh of a call's CPU.
            user_agent="carillon",
        ),
    )
    made.meta.events.register("after-call", _note_its_time)
    return made


@cache
def sending_dynamodb() -> Any:
    """
    Return the process's DynamoDB client for the path of a message: six operations, at a tenth.

    Behind a proxy, which it does not know, it is boto3's.
    """
    made = client("dynamodb", pool=MOST_WORKERS + 2)
    endpoint_url = made.meta.endpoint_url
    if get_environ_proxies(endpoint_url):
        return made
    return slim_client(made, boto3.Session().get_credentials(), endpoint_url)


def slim_client(made: Any, credentials: Any, endpoint_url: str) -> SlimClient:
    """Return a small client of *endpoint_url*, with the region and the model of boto3's *made*."""
    connections = KeptConnections(
        endpoint_url,
        tls=_trust() if endpoint_url.startswith("https:") else None,
        connect_timeout_s=_CONNECT_TIMEOUT_S,
        read_timeout_s=_READ_TIMEOUT_S,
    )
    signer = Signer(
        credentials, service="dynamodb", region=made.meta.region_name, host=connections.host
    )
    model = made.meta.service_model
    known = {
        name: frozenset(model.operation_model(name).input_shape.members) for name in OPERATIONS
    }
    return SlimClient(endpoint_url, connections, signer, known)


def _trust() -> ssl.SSLContext:
    """Return a context that trusts whom botocore trusts."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True))


@cache
def unrepeating_client(
    service: str,
    *,
    connect_timeout_s: float,
    read_timeout_s: float,
    region: str = "",
    endpoint_url: str = "",
    pool: int = MOST_WORKERS,
) -> Any:
    """
    Return a client of *service* that makes each call once, for calls that must not be repeated.

    botocore's own default repeats a call whose answer was lost, which would send a
    message twice. An empty *region* is the function's own.
    """
    return boto3.client(
        service,
        region_name=region or None,
        endpoint_url=endpoint_url or None,
        config=Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            max_pool_connections=pool,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )


def _note_its_time(parsed: Mapping[str, Any], **_: Any) -> None:
    """Set our clock by the answer's date."""
    date = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date is not None:
        server_time.learn(date)
