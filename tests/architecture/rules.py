"""
The rules that Carillon keeps, by their IDs, and which tests say that they prove one.

A test names what it proves in its name (``…_k8``) or its docstring (``K8: …``); a module's
docstring counts for a module that is about a rule as a whole. The matrix of rules and tests:

    python -m tests.architecture.rules
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

# The letters: people and places, contacts, campaigns, content, senders, fan-out, receipts,
# inbound, conversations, opt-outs, analytics, series and lists, law, interactive campaigns.
RULES: dict[str, str] = {
    "P1": "one organisation has offices, and every campaign belongs to one of them",
    "P2": "five roles, offices, and one permission table over every route",
    "P3": "API keys are scoped, hashed and revocable; test keys reach no provider",
    "P4": "every change is in an append-only audit log with its author, before and after",
    "C1": "lists are imported from CSV by presigned upload, in bounded memory, resumably",
    "C2": "columns are guessed or told, and every row has exactly one counted outcome",
    "C3": "a contact's zone by column, place or phone; several intersect, none is narrowest",
    "C4": "saved filters; audiences of lists and segments minus exclusions, frozen",
    "C5": "who cannot be texted is counted by reason before the launch",
    "C6": "a person can be erased and exported; counters and the hashed opt-out stay",
    "K1": "the fields of a campaign",
    "K2": "the types of a campaign, and the channel as a port",
    "K3": "the states of a campaign and its flags",
    "K4": "the transitions between states; anything else is a 409 that says what is allowed",
    "K5": "each product's vocabulary is an exact projection of the state",
    "K6": "the actions that each tab offers",
    "K7": "a clone copies settings and never leads, results or dates",
    "K8": "stop and archive looks after the conversations of the campaign's numbers",
    "K9": "only what was never live and has no data is deleted",
    "K10": "a live campaign is edited while paused, for unsent leads; combos are named",
    "K11": "a report is final or interim, and what has none offers its details",
    "K12": "tabs, search, filters, sorting, pages and columns of the campaign list",
    "K13": "a calendar of scheduled campaigns by month and day",
    "K14": "a campaign's card with its one action",
    "K15": "schedules: at a time, recipient-local, recurring; late ones hold; DST fires once",
    "K16": "a simulation before the launch: blocked, segments, cost, end, previews",
    "K17": "a pilot sends to the first N, pauses and continues on command",
    "K18": "a manager's launch may need somebody else's approval",
    "M1": "merge fields in a sandbox; a missing field blocks its lead and nobody else",
    "M2": "weighted variants by a stable hash, with a significance test",
    "M3": "follow-ups by delay and condition; a reply, opt-out or end cancels the rest",
    "M4": "SMS segments as carriers bill them, smart encoding, MMS not counted",
    "M5": "MMS files by address or upload, with type and size checked",
    "M6": "short links per lead on the organisation's domain, scanners told from people",
    "M7": "the first message names its sender and the way out, or is warned of or blocked",
    "N1": "what a sender is, its kind and its settings; credentials by the name of a secret",
    "N2": "each provider is one module with its table of codes",
    "N3": "sticky, area code, then capacity; failover on a provider's failure alone",
    "N4": "a sender's lifetime and 30 days, success rate, health band and likely causes",
    "F1": "a lead's state is the truth; losing a cursor repeats and skips nobody",
    "F2": "never twice, never lost, whatever dies at whatever instant",
    "F3": "no call starts after a committed opt-out beyond a stated bound",
    "F4": "pause, end, archive and budgets bind at the next claim",
    "F5": "a lead waits until its own hours, the law's and the campaign's are all open",
    "F6": "a sender's rate is shared fairly; daily limits and caps; a 429 slows the sender",
    "F7": "retries by a typed table per code; too many errors pause the campaign",
    "F8": "one bad lead never stops the others",
    "F9": "nothing grows with the audience: a million leads, a hundred campaigns",
    "R1": "receipts never move a message backwards; the first final one wins",
    "R2": "early receipts are parked and replayed, unknown ones are kept and counted",
    "R3": "a receipt finds its message by what we put into the callback",
    "R4": "who has no final receipt is asked about for up to 72 hours, then unconfirmed",
    "R5": "failures are told in words with the provider's code beside them",
    "I1": "webhooks are verified, or are a 403 of which nothing is kept, and then queued",
    "I2": "a reply answers the newest text on its pair of numbers within 30 days",
    "I3": "what answers no campaign opens a conversation where its number's settings say",
    "V1": "a transcript in order with state, reason, time and author; search by person",
    "V2": "three sections, empty ones absent, and filters",
    "V3": "operator and needs-attention are toggled within their limits",
    "V4": "up to three tags of up to 30 characters",
    "V5": "one of two answering agents wins; assignment by hand, by turn or by load",
    "V6": "the assistant says what it knows, hands over the rest, sees no consent words",
    "V7": "a preview of exactly what a contact gets, also afterwards",
    "O1": "which words opt out, which hold a contact, and which are only conversation",
    "O2": "an opt-out is committed first, stops everything, and is confirmed once",
    "O3": "automatic and manual opt-outs are counted once, in the campaign they answer",
    "O4": "START opts in, YES only who is out, HELP changes no consent",
    "O5": "the opt-out manager, and mirrors to and from providers' lists",
    "O6": "the ledger of consent, and why a person was texted",
    "A1": "contacts messaged, and unique ones",
    "A2": "contacts whose initial the provider accepted",
    "A3": "conversations with an inbound message",
    "A4": "rate of engagement",
    "A5": "automatic, manual and total opt-outs",
    "A6": "inbound messages, several a number",
    "A7": "answers by agents and by the assistant, without automatic ones",
    "A8": "median time that people wait for an agent, mergeable, within one per cent",
    "A9": "initials sent of total",
    "A10": "SMS segments sent, without MMS",
    "A11": "replies and their percentages",
    "A12": "contacts for each active sender",
    "A13": "sent, failed, pending and partial add up to the total",
    "A14": "progress, 100 exactly when all leads are settled",
    "A15": "delivery rate, health, and failures with advice",
    "A16": "conversion rate",
    "A17": "send status for the chart: total, succeeded, failed",
    "A18": "cost: segments, and the provider's price where it is told",
    "T1": "responses by hour and day in any zone, exact on days of a clock change",
    "T2": "activity by hours, days, months or years, by how long it lasted",
    "T3": "active and total campaigns of a time frame",
    "T4": "filters, eight presets, and only what lies inside the range",
    "T5": "the campaign list with figures, sorted and exported as shown",
    "T6": "campaigns and variants compared, with a winner and its confidence",
    "T7": "streamed exports as CSV safe in spreadsheets, and as Parquet",
    "T8": "usage by period, sender, office and channel",
    "T9": "leads with sender, status, last action and reason; filtered, in pages",
    "T10": "a query's cost does not depend on how many messages there are",
    "T11": "signed outbound webhooks, and live updates",
    "L1": "laws are dated data with their sources, and not legal advice",
    "L2": "an organisation may be stricter than the law and never looser",
    "L3": "an opt-out is from everything unless a programme is chosen",
    "X1": "polls, surveys, quizzes, sweepstakes and keyword sign-up",
    "X2": "the states of interactive campaigns",
    "X3": "answers counted for each question, in reports and exports",
    "X4": "combos: an answer starts another campaign, and pausing names the others",
}

# Rule -> why no test proves it. Whoever tests one takes it out, or the suite fails.
UNTESTED: dict[str, str] = {
    "X1": "There are no interactive campaigns.",
    "X2": "There are no interactive campaigns, only the words for their states (K5).",
    "X3": "There are no interactive campaigns.",
}

# Rules that are tested as far as they go, and what of them there is not.
PARTLY: dict[str, str] = {
    "K2": "There is no WhatsApp, RCS, e-mail or push; a campaign with files is still typed sms.",
    "K3": "participation_closed_at is of interactive campaigns, which there are not.",
    "N2": "E-mail by SES and push by SNS are not there.",
    "F9": "A million leads on one campaign run in the bench (make bench-scale), in virtual time.",
    "A1": "unique_contacts_messaged is not known over several campaigns.",
    "A16": "Clicks are not counted as outcomes.",
    "T10": "The p99 figures are the bench's.",
    "L3": "An opt-out from one programme alone cannot be chosen.",
    "X4": "Pausing and resuming name the linked campaigns; no answer starts one.",
}

_IN_TEXT = re.compile(r"\b[PCKMNFRIVOATLX]\d{1,2}\b(?!:\d)")
_IN_NAME = re.compile(r"(?<=_)[pckmnfrivoatlx]\d{1,2}(?=_|$)")


@dataclass(slots=True)
class Proofs:
    """Where a rule is named: *tests* as ``file::name``, *modules* as whole files."""

    tests: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    def files(self) -> list[str]:
        """Return the files of both, each once."""
        return sorted({test.partition("::")[0] for test in self.tests} | set(self.modules))


def named_in(source: str) -> Iterator[tuple[str, str]]:
    """Yield (rule, test) for each rule that a test of *source* names; of its module, test is ""."""
    tree = ast.parse(source)
    yield from ((rule, "") for rule in _ids(ast.get_docstring(tree)))
    for test in _tests(tree):
        in_name = {rule.upper() for rule in _IN_NAME.findall(test.name)}
        for rule in sorted(in_name | _ids(ast.get_docstring(test))):
            yield rule, test.name


def proofs(folder: Path = TESTS) -> dict[str, Proofs]:
    """Return what the tests below *folder* say that they prove, by rule, known or not."""
    found: dict[str, Proofs] = {}
    for path in sorted(folder.rglob("test_*.py")):
        file = path.relative_to(folder).as_posix()
        for rule, test in named_in(path.read_text()):
            proof = found.setdefault(rule, Proofs())
            if test:
                proof.tests.append(f"{file}::{test}")
            else:
                proof.modules.append(file)
    return found


def _tests(holder: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for node in holder.body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def _ids(docstring: str | None) -> set[str]:
    return set(_IN_TEXT.findall(docstring or ""))


def _matrix() -> Iterator[str]:
    found = proofs()
    for rule, title in RULES.items():
        proof = found.get(rule, Proofs())
        yield f"{rule:4} {len(proof.tests):3} tests {len(proof.modules):3} modules  {title}"
        if missing := UNTESTED.get(rule) or PARTLY.get(rule):
            yield f"         not whole: {missing}"
        yield from (f"         {file}" for file in proof.files())


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _matrix())
