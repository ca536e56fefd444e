"""The figures as a person reads them: counts and ratios, no bare times."""

from collections.abc import Iterable, Mapping, Sequence

from tests.bench import carrier, lambda_model, prices, world
from tests.bench.meter import Usage
from tests.bench.template import functions
from tests.bench.world import Result

# Importing is paid once a contact, however many campaigns text it; the schedules are paid by
# the hour, whether or not anything is sent. Both are shown, neither is part of a message.
_APART = ("import", "idle minute")
_ORDER = (
    "plan",
    "send",
    "webhooks",
    "receipts",
    "replies",
    "counters",
    "reconcile",
    "recount",
    "sweeps",
)
_FIRST_MARK_WRITE_UNITS = 4.5
_TARGET_WRITE_UNITS = 3.2
_TARGET_DOLLARS = 5.0
_TARGET_INVOCATIONS = 20
_TARGET_QUERY_READ_UNITS = 8
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
PARTITION_WRITE_UNITS = 1_000
_MINUTES_A_MONTH = 60 * 24 * 365 / 12
MOST_GROWTH = 1.05

Row = Sequence[str]


def per_message(result: Result) -> Usage:
    """Return what all stages of one campaign used together."""
    total = Usage()
    for name, used in result.stages.items():
        if name not in _APART:
            total.add(used)
    return total


def growth(results: Sequence[Result]) -> dict[str, list[float]]:
    """Return each figure's ratio to the smallest size's, per message, in the order of sizes."""
    figures = [_figures(per_message(result), result.leads) for result in results]
    return {
        name: [own[name] / figures[0][name] if figures[0][name] else 1.0 for own in figures]
        for name in figures[0]
    }


def print_report(results: Sequence[Result], mps: float) -> None:
    """Print every table for *results*, smallest size first."""
    _print_assumptions(mps)
    for result in results:
        _print_stages(result)
    _print_growth(results)
    _print_costs(results[-1])
    _print_where(results[-1])
    _print_apart(results[-1])
    _print_queries(results)
    _print_hottest(results[-1], mps)
    _print_targets(results)


def _print_assumptions(mps: float) -> None:
    low, high = carrier.REPLY_AFTER_S
    print(
        f"Assumed: one sender of {mps:g} segments/s; one segment; receipts 'sent' after "
        f"{_span(carrier.SENT_AFTER_S)} s and final after {_span(carrier.FINAL_AFTER_S)} s, "
        f"{carrier.FAILED_SHARE:.0%} of them undelivered; {carrier.REPLY_SHARE:.0%} reply and "
        f"{carrier.STOP_SHARE:.0%} say STOP within {low:g}-{high:g} s; "
        f"{lambda_model.POLLERS} pollers a queue, {lambda_model.SHARDS} shards; "
        f"a call to AWS {world.AWS_CALL_S * 1000:g} ms, a function's own time "
        f"{world.OWN_TIME_S * 1000:g} ms, arm64; {world.PLATFORM_LOG_BYTES} bytes of log an "
        "invocation beside what it writes. Batch sizes, windows and memory: template.yaml."
    )


def _span(span: tuple[float, float]) -> str:
    return f"{span[0]:g}-{span[1]:g}"


def _print_stages(result: Result) -> None:
    statuses = ", ".join(f"{name} {count}" for name, count in sorted(result.statuses.items()))
    print(f"\n{result.leads:,} leads ({statuses}; counter drift {result.drift}). Per message:")
    header = ("stage", *_figures(Usage(), 1))
    rows = [
        (name, *_cells(_figures(result.stages[name], result.leads)))
        for name in _ORDER
        if name in result.stages
    ]
    total = per_message(result)
    rows.append(("total", *_cells(_figures(total, result.leads))))
    _print_table(header, rows)
    sizes = ", ".join(f"{name} {size:.1f}" for name, size in sorted(result.batches.items()))
    print(f"Records an invocation, mean: {sizes}.")


def _figures(used: Usage, leads: int) -> dict[str, float]:
    invocations = sum(used.invocations.values())
    webhooks = used.invocations["provider_webhooks"]
    return {
        "write units": used.write_units / leads,
        "read units": used.read_units / leads,
        "SQS requests": used.sqs_requests / leads,
        "S3 requests": (used.s3_puts + used.s3_gets) / leads,
        "invocations/1,000": 1000 * (invocations - webhooks) / leads,
        "with webhooks": 1000 * invocations / leads,
        "provider calls": used.provider_calls / leads,
        "log bytes": used.log_bytes / leads,
    }


def _cells(figures: dict[str, float]) -> list[str]:
    return [f"{value:,.0f}" if value >= 100 else f"{value:.3f}" for value in figures.values()]


def _print_growth(results: Sequence[Result]) -> None:
    if len(results) < 2:
        return
    print(f"\nPer message, against {results[0].leads:,} leads (at most {MOST_GROWTH}):")
    header = ("figure", *(f"{result.leads:,}" for result in results))
    rows = [
        (name, *(f"{ratio:.3f}" for ratio in ratios)) for name, ratios in growth(results).items()
    ]
    _print_table(header, rows)


def _print_costs(result: Result) -> None:
    scale = 1e6 / result.leads
    total = per_message(result)
    print(f"\nModelled cost of 1M messages, list prices of us-east-1 on {prices.READ_ON}:")
    stages = [name for name in _ORDER if name in result.stages]
    by_stage = {name: prices.costs(result.stages[name]) for name in stages}
    header = ("priced", *stages, "total")
    whole = prices.costs(total)
    rows = [
        (name, *(_dollars(by_stage[s][name] * scale) for s in stages), _dollars(amount * scale))
        for name, amount in whole.items()
    ]
    sums = [_dollars(sum(by_stage[s].values()) * scale) for s in stages]
    rows.append(("all", *sums, _dollars(sum(whole.values()) * scale)))
    _print_table(header, rows)
    webhooks = total.gateway_requests / result.leads
    dearer = webhooks * 1e6 * (prices.REST_API.dollars - prices.PRICES["webhook gateway"].dollars)
    print(
        f"Webhooks by gateway: {webhooks:.2f} requests a message; HTTP API "
        f"{_dollars(webhooks * 1e6 * prices.PRICES['webhook gateway'].dollars)}, REST API "
        f"{_dollars(webhooks * 1e6 * prices.REST_API.dollars)} "
        f"(all: {_dollars(sum(whole.values()) * scale + dearer)})."
    )
    idle = _idle_polling()
    print(f"Beside it, at rest: polling the queues, about {_dollars(idle)} a month.")
    for name, price in (*prices.PRICES.items(), ("REST API", prices.REST_API)):
        print(f"  {name}: ${price.dollars:.10g} per {price.unit}, {price.source}")


def _idle_polling() -> float:
    """Return a month's dollars of long polls (20 s) on empty queues."""
    queues = (
        sum(one.trigger is not None for one in functions().values()) - 1
    )  # the counters' stream is read for nothing
    polls = queues * lambda_model.POLLERS * 3 * _MINUTES_A_MONTH
    return polls * prices.PRICES["SQS"].dollars


def _print_where(result: Result) -> None:
    print("\nWhat costs most, in dollars per 1M messages:")
    spent: list[tuple[float, Row]] = []
    for stage in _ORDER:
        for (operation, tables), units in result.stages.get(stage, Usage()).units.items():
            kind = "read units" if operation in _READS else "write units"
            dollars = units * prices.PRICES[kind].dollars * 1e6 / result.leads
            cells = (stage, operation, tables, f"{units / result.leads:.3f}", kind)
            spent.append((dollars, (*cells, _dollars(dollars))))
    spent.sort(reverse=True)
    _print_table(("stage", "call", "tables", "units", "", "$"), [row for _, row in spent[:8]])


_READS = ("dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.Query")


def _print_apart(result: Result) -> None:
    imported = result.stages["import"]
    scale = 1e6 / result.leads
    print(
        f"\nImport, per contact: {imported.write_units / result.leads:.3f} write units, "
        f"{imported.read_units / result.leads:.3f} read units; "
        f"{_dollars(sum(prices.costs(imported).values()) * scale)} per 1M contacts."
    )
    idle = result.stages["idle minute"]
    month = sum(prices.costs(idle).values()) * _MINUTES_A_MONTH
    print(
        f"A minute's schedules with nothing to do: {idle.read_units:g} read units, "
        f"{idle.write_units:g} write units, {sum(idle.invocations.values())} invocations; "
        f"{_dollars(month)} a month."
    )


def _print_queries(results: Sequence[Result]) -> None:
    print("\nOne dashboard query:")
    rows = [
        (name, f"{result.leads:,}", f"{used.read_units:g}", f"{used.calls.total()}")
        for result in results
        for name, used in result.queries.items()
    ]
    _print_table(("query", "leads", "read units", "calls"), sorted(rows))


def print_dashboards(campaigns: Mapping[int, Mapping[str, Usage]], messages: int) -> None:
    """Print what questions about many campaigns use, by how many there are and how large."""
    sizes = " and ".join(f"{number:,}" for number in sorted(campaigns))
    print(
        f"\nQuestions about {sizes} campaigns of {messages:,} messages, over half a year, of one "
        "office, in New York's days:"
    )
    rows = [
        (name, f"{number:,}", f"{used.read_units:g}", f"{used.calls.total()}")
        for number, asked in sorted(campaigns.items())
        for name, used in asked.items()
    ]
    _print_table(("question", "campaigns", "read units", "calls"), sorted(rows))


def _print_hottest(result: Result, mps: float) -> None:
    print(
        f"\nMost write units to one partition key in one second, at {mps:g} messages a second "
        f"(DynamoDB gives a partition {PARTITION_WRITE_UNITS:,}):"
    )
    rows = [
        (table, key.partition("#")[0], f"{units:,}")
        for table, (key, units) in sorted(result.hottest.items())
        # Importing takes no virtual time, so its rate is the importer's own, not this one.
        if table != "ContactsTable"
    ]
    _print_table(("table", "keys", "write units"), rows)


def _print_targets(results: Sequence[Result]) -> None:
    last = results[-1]
    total = per_message(last)
    units = total.write_units / last.leads
    dollars = sum(prices.costs(total).values()) * 1e6 / last.leads
    invocations = _figures(total, last.leads)["invocations/1,000"]
    queries = max(used.read_units for used in last.queries.values())
    worst = max(max(ratios) for ratios in growth(results).values())
    rows = [
        _verdict("write units a message", units, _FIRST_MARK_WRITE_UNITS),
        _verdict("", units, _TARGET_WRITE_UNITS),
        _verdict("dollars per 1M messages", dollars, _TARGET_DOLLARS),
        _verdict("invocations/1,000, webhooks apart", invocations, _TARGET_INVOCATIONS),
        _verdict("read units of a dashboard query", queries, _TARGET_QUERY_READ_UNITS),
        _verdict("growth of a message by size", worst, MOST_GROWTH),
        _verdict("counter drift", last.drift, 0),
    ]
    print("\nAgainst the targets of the design:")
    _print_table(("figure", "now", "target", "met"), rows)


def _verdict(figure: str, now: float, target: float) -> Row:
    return figure, f"{now:.2f}", f"<= {target:g}", "yes" if now <= target else "no"


def _dollars(amount: float) -> str:
    return f"${amount:.2f}"


def _print_table(header: Row, rows: Iterable[Row]) -> None:
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        first, *rest = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]).rstrip())
