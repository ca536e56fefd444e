"""Write the audit log from what was written (P4): every change once, whoever made it."""

from collections.abc import Callable, Iterable

from carillon.domain.audit import ItemChange, entry_of
from carillon.ports import AuditTrail


def record_changes(
    changes: Iterable[ItemChange], trail: AuditTrail, hashed: Callable[[str], str]
) -> int:
    """
    Append an entry for each of *changes* that is one; return how many there were.

    Raises what the trail raises: a change that cannot be kept must come again. One that
    comes again is the same entry.
    """
    kept = 0
    for change in changes:
        entry = entry_of(change, hashed)
        if entry is not None:
            trail.append(entry)
            kept += 1
    return kept
