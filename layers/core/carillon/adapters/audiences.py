"""The frozen audience of a campaign in object storage."""

from carillon.domain.audience import decode_part, part_key
from carillon.domain.message import Recipient
from carillon.ports import Objects


class S3Audiences:
    """Implements ``ports.Audiences`` over the objects that planning wrote."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        """Return the part's recipients, sorted by key; raises NotFound."""
        return decode_part(self._objects.get(part_key(campaign_id, part)))
