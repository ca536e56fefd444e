"""
The gateway's door: it asks here who is calling, and keeps the answer for a minute.

What a caller may do is not decided here: the answer opens the whole API, and each function asks
the permission table. Whoever is turned away is so by a policy, not by an error: an error would
be asked again at each call, and would wake somebody.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from carillon.adapters.access_tokens import Pool, PoolTokens, fetched_keys
from carillon.adapters.aws import client
from carillon.adapters.dynamodb.people import DynamoApiKeys, DynamoUserRecords
from carillon.adapters.system_clock import SystemClock
from carillon.edge.http import admission
from carillon.edge.logs import logger
from carillon.settings import AuthorizeRequests, from_env
from carillon.usecases.admit_caller import Door, admit_caller


@cache
def build() -> Door:
    """Compose the function once per process."""
    settings = from_env(AuthorizeRequests)
    dynamodb, clock = client("dynamodb"), SystemClock()
    return Door(
        tokens=PoolTokens(
            Pool(settings.token_issuer, settings.user_pool_client_id),
            partial(fetched_keys, settings.token_keys_url),
            clock,
        ),
        records=DynamoUserRecords(dynamodb, settings.control_table),
        keys=DynamoApiKeys(dynamodb, settings.control_table),
        clock=clock,
    )


def lambda_handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Say whether the bearer of the Authorization header comes in, and as whom."""
    admitted = admit_caller(event.get("authorizationToken") or "", build())
    # One answer for every route: the gateway keeps it for the header, not for the path.
    stage = "/".join(event["methodArn"].split("/")[:2])
    if admitted is None:
        logger.info("caller_turned_away")
        return _answer("nobody", "Deny", f"{stage}/*")
    context = admission(admitted.subject, admitted.groups, admitted.key)
    return {**_answer(admitted.subject, "Allow", f"{stage}/*"), "context": context}


def _answer(principal: str, effect: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": policy}
