"""The audit log as people read it (P4)."""

from dataclasses import replace

from carillon.domain.audit import AuditEntry, AuditFilter
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.ports import AuditTrail


class ReadAuditLog:
    """Shows entries, newest first; nothing changes or removes one."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def page(self, wanted: AuditFilter, limit: int, after: Position | None) -> Listing[AuditEntry]:
        """Return entries that *wanted* names; InvalidInput when its times are the wrong way."""
        if wanted.since and wanted.until and wanted.since >= wanted.until:
            raise InvalidInput("from must lie before to.", field="from")
        named = replace(wanted, object_id=wanted.object_id or None, actor=wanted.actor or None)
        return self._trail.page(named, limit, after)
