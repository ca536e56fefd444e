"""
Keeps AWS's own opt-out lists and our suppressions in step, four times an hour (O5).

Only lists that an active sender's secret names (``opt_out_list``) are touched; without one
this reads the senders and does nothing. Beside it, who opted out before the consent ledger
existed is entered there, some hundreds a run until all are.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from carillon import settings
from carillon.adapters import aws as clients
from carillon.adapters.dynamodb.consent import DynamoConsentLedger
from carillon.adapters.dynamodb.control import DynamoDirectory
from carillon.adapters.dynamodb.erasure_marks import ErasureMarks
from carillon.adapters.dynamodb.mirror import DynamoMirrorStates, LedgerNews
from carillon.adapters.dynamodb.suppressions import DynamoSuppressions
from carillon.adapters.providers import aws
from carillon.adapters.secrets import Secrets
from carillon.adapters.system_clock import SystemClock
from carillon.domain.errors import CarillonError, ProviderError, Throttled
from carillon.edge.logs import logger, metrics
from carillon.ports import ProviderOptOuts
from carillon.usecases.complete_ledger import complete_ledger
from carillon.usecases.mirror_opt_outs import Mirroring, fair_shares, mirror_opt_outs

# Kept free for a call that is under way, which times out after 13 s, and for the last write.
_RESERVE_S = 30.0


@dataclass(frozen=True)
class Composition:
    """What the function stands on."""

    directory: DynamoDirectory
    secrets: Secrets
    suppressions: DynamoSuppressions
    news: LedgerNews
    states: DynamoMirrorStates
    clock: SystemClock


@cache
def build() -> Composition:
    """Compose the function from its environment, once per process."""
    env = settings.from_env(settings.MirrorOptOuts)
    clock = SystemClock()
    dynamodb = clients.client("dynamodb")
    return Composition(
        directory=DynamoDirectory(dynamodb, env.control_table),
        secrets=Secrets(clients.client("secretsmanager"), clock.monotonic),
        suppressions=DynamoSuppressions(
            dynamodb,
            env.suppressions_table,
            env.consent_table,
            clock.now,
            # A list of a provider's still names whom we have erased: that must not come back.
            ErasureMarks(dynamodb, env.control_table),
        ),
        news=LedgerNews(DynamoConsentLedger(dynamodb, env.consent_table)),
        states=DynamoMirrorStates(dynamodb, env.control_table),
        clock=clock,
    )


def lambda_handler(_event: dict[str, Any], context: Any) -> dict[str, dict[str, int]]:
    """Do one run over every list; return by list how often what was done."""
    logger.set_correlation_id(context.aws_request_id)
    made = build()
    world = Mirroring(
        consents=made.suppressions,
        news=made.news,
        states=made.states,
        clock=made.clock,
        deadline=made.clock.monotonic()
        + max(context.get_remaining_time_in_millis() / 1000 - _RESERVE_S, 1.0),
    )
    entered = complete_ledger(made.suppressions, made.states, made.clock.now)
    if entered:
        logger.info("consent_ledger_completed", entered=entered)
    lists = list(_lists(made))
    shares = fair_shares(world, len(lists))
    done = {
        theirs.name: dict(_mirrored(theirs, share))
        for theirs, share in zip(lists, shares, strict=True)
    }
    metrics().flush_metrics()
    return done


def _lists(made: Composition) -> Iterator[ProviderOptOuts]:
    """Yield the lists of the active senders; several senders may share one."""
    seen = set()
    for sender in made.directory.senders():
        if sender.provider != aws.NAME or sender.status != "active":
            continue
        try:
            theirs = aws.MODULE.opt_out_mirror(made.secrets.read(sender.credentials_secret))
        except (CarillonError, KeyError, ValueError) as error:
            # Such a sender cannot send either, and says so there.
            logger.warning(
                "opt_out_list_unknown", sender_id=sender.id, error_type=type(error).__name__
            )
            continue
        if theirs is not None and theirs.name not in seen:
            seen.add(theirs.name)
            yield theirs


def _mirrored(theirs: ProviderOptOuts, world: Mirroring) -> Counter[str]:
    """Mirror one list; one that fails is counted, and does not hold up the others."""
    try:
        counts = mirror_opt_outs(theirs, world)
    except Throttled:
        # There is more to do than the provider takes: the next run goes on from here.
        logger.info("opt_out_list_throttled", list=theirs.name)
        return Counter()
    except CarillonError as error:
        provider_code = error.provider_code if isinstance(error, ProviderError) else None
        logger.error(
            "opt_out_list_failed", list=theirs.name, code=error.code, provider_code=provider_code
        )
        _count("opt_out_list_failed", 1)
        return Counter()
    logger.info("opt_out_list_mirrored", list=theirs.name, counts=dict(counts))
    for name, times in counts.items():
        _count(f"mirror_{name}", times)
    return counts


def _count(name: str, times: int) -> None:
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=times)
