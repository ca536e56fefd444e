"""The fake of ``ports.Clicks``, over the send path's fakes; held by tests/adapters/test_clicks."""

from carillon.domain.clicks import MOST_COUNTED, Click, Clicker
from carillon.domain.clock import from_iso, to_iso
from carillon.domain.counters import CLICK_ATTRIBUTES, MACHINE_ATTRIBUTES
from carillon.domain.ids import part_of
from carillon.domain.short_links import LinkedCampaign, campaign_code
from tests.support.sending import FakeDirectory, FakeMessages


class FakeClicks:
    """Implements ``ports.Clicks``. What was read stays until it is asked for *fresh*."""

    def __init__(self, directory: FakeDirectory, messages: FakeMessages) -> None:
        self._directory = directory
        self._messages = messages
        self._kept: dict[str, list[LinkedCampaign]] = {}

    def campaigns(self, code: str, *, fresh: bool = False) -> list[LinkedCampaign]:
        if fresh or code not in self._kept:
            self._kept[code] = [
                LinkedCampaign(id=one.id, parts=one.parts, links=one.links, link_key=one.link_key)
                for one in self._directory.campaigns.values()
                if one.link_key and campaign_code(one.id) == code
            ]
        return self._kept[code]

    def clickers(self, campaign: LinkedCampaign, start: str) -> list[Clicker]:
        if not campaign.parts:
            return []
        pk = f"{campaign.id}#{part_of(start, campaign.parts):05d}"
        found = []
        for ref, row in self._messages.items.items():
            if ref.pk == pk and ref.sk.startswith(start) and row["kind"] == "lead":
                at = row.get("last_outbound_at") or row.get("submitted_at") or row["claimed_at"]
                found.append(Clicker(ref, from_iso(at)))
        return found

    def note(self, click: Click) -> None:
        names = CLICK_ATTRIBUTES if click.machine is None else MACHINE_ATTRIBUTES
        name = names[click.number]
        row = self._messages.items.get(click.row)
        if row is None or row.get("last_click") == click.id or row.get(name, 0) >= MOST_COUNTED:
            return
        changes = {name: row.get(name, 0) + 1, "last_click": click.id}
        if click.machine is None:
            changes["clicked_at"] = row.get("clicked_at", to_iso(click.at))
        self._messages.change(click.row, changes)
