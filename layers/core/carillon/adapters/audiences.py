"""The frozen audience of a campaign: one gzipped JSON object per part (see schema.py)."""

import gzip
import json

from carillon.domain.message import Recipient
from carillon.ports import Objects


def part_key(campaign_id: str, part: int) -> str:
    """Return the object key of a campaign's part."""
    return f"audiences/{campaign_id}/{part:05d}.json.gz"


class S3Audiences:
    """Implements ``ports.Audiences``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def part(self, campaign_id: str, part: int) -> list[Recipient]:
        """Return the part's recipients, sorted by key; raises NotFound."""
        packed = json.loads(gzip.decompress(self._objects.get(part_key(campaign_id, part))))
        return [
            Recipient(key=entry["k"], phone=entry["p"], fields=entry["f"])
            for entry in packed["recipients"]
        ]
