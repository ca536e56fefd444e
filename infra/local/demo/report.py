"""The final figures under the names of spec 4, and the verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from infra.local.demo.verdict import Finding


def print_figures(metrics: Mapping[str, Any], out: TextIO) -> None:
    """Print every metric of the API: its number in the spec, its name, its value or why none."""
    out.write("\nFinal figures (GET /v1/campaigns/{id}/metrics)\n")
    rows = sorted(metrics.items(), key=lambda pair: (int(pair[1]["id"][1:]), pair[0]))
    for name, figure in rows:
        value = figure["value"]
        shown = "-" if value is None else str(value)
        reason = f"   ({figure['reason']})" if value is None and figure.get("reason") else ""
        out.write(f"  {figure['id']:>3}  {name:<28} {shown:>10}{reason}\n")


def print_verdict(findings: Sequence[Finding], out: TextIO) -> bool:
    """Print the verdict; return whether everything is 0."""
    out.write("\nVerdict: the carrier's ledger against our items and counters\n")
    for finding in findings:
        mark = "ok " if finding.count == 0 else "BAD"
        out.write(f"  {mark} {finding.name:<20} {finding.count}\n")
        for instance in finding.instances:
            out.write(f"        {instance}\n")
    return all(finding.count == 0 for finding in findings)
