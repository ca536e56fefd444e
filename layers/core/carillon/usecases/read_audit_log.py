"""The audit log as people read it (P4)."""

from datetime import datetime, timedelta

from carillon.domain.audit import AuditEntry, AuditFilter
from carillon.domain.errors import InvalidInput
from carillon.domain.listing import Listing, Position
from carillon.ports import AuditTrail, Clock

# What was written this minute by a clock that is ahead is shown too.
_AHEAD = timedelta(days=1)


class ReadAuditLog:
    """Shows entries, newest first; nothing changes or removes one."""

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def page(
        self,
        limit: int,
        after: Position | None,
        *,
        object_id: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Listing[AuditEntry]:
        """
        Return entries of an object, of an actor, of both or of all, *until* exclusive.

        Raises InvalidInput (field ``from``) when the times are the wrong way round.
        """
        if since and until and since >= until:
            raise InvalidInput("from must lie before to.", field="from")
        latest = self._clock.now() + _AHEAD
        wanted = AuditFilter(
            object_id=object_id or None,
            actor=actor or None,
            since=since,
            # By time the log is looked through month by month: not those to come.
            until=min(until or latest, latest),
        )
        return self._trail.page(wanted, limit, after)
