"""
Files for a campaign's first message: fetched from an address, or uploaded (M5).

    {"url": "https://…"}          fetched, looked at, kept          -> the campaign with it
    {"upload_type": "image/png"}  a link to upload to, and its id   -> nothing changes yet
    {"upload_id": "upl_…"}        what was uploaded, looked at, kept -> the campaign with it

What is sent is the copy that was looked at. Attaching the same file again changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Annotated

from carillon.domain import campaign_media
from carillon.domain.campaign import Campaign, CampaignStatus
from carillon.domain.campaign_media import CampaignMedia, media_key, upload_key
from carillon.domain.campaign_offers import reaches
from carillon.domain.commands import Command, Length, OneOf, Origin
from carillon.domain.errors import Conflict, InvalidInput, NotFound
from carillon.domain.media import HEAD_BYTES, FetchedFile, MediaRefused, agreed_type
from carillon.domain.permissions import Access
from carillon.ports import Campaigns, Clock, MediaFiles
from carillon.usecases.approve_launches import LaunchApprovals
from carillon.usecases.campaign_checks import require_editable, require_ready
from carillon.usecases.manage_lists import Upload

_LINK_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class NewMedia(Command):
    """One of: the address of a file, the type of one to be uploaded, what was uploaded."""

    url: Annotated[str, Length(1, 2000)] | None = None
    upload_type: Annotated[str, OneOf(campaign_media.TYPES)] | None = None
    upload_id: Annotated[str, Length(1, 80)] | None = None


@dataclass(frozen=True, kw_only=True)
class MediaAnswer:
    """The campaign's files as they stand, and for an upload where it goes."""

    media: tuple[CampaignMedia, ...]
    upload_id: str | None = None
    upload: Upload | None = None


class AttachMedia:
    """Attaches files to campaigns; *fetch* raises MediaRefused."""

    def __init__(
        self,
        campaigns: Campaigns,
        files: MediaFiles,
        fetch: Callable[[str], FetchedFile],
        clock: Clock,
        *,
        approvals: LaunchApprovals,
        missing_in_texts: Callable[[Campaign], list[str]],
    ) -> None:
        self._campaigns = campaigns
        self._files = files
        self._fetch = fetch
        self._clock = clock
        self._approvals = approvals
        self._missing_in_texts = missing_in_texts

    def attach(
        self, access: Access, origin: Origin, campaign_id: str, new: NewMedia
    ) -> MediaAnswer:
        """
        Attach a file, or say where to upload one.

        Raises NotFound, Conflict (``campaign_state``; ``upload_missing``) and InvalidInput with
        why the file cannot be sent (``domain.media.Problem``, ``media_too_large`` …).
        """
        campaign = self._campaigns.get(campaign_id)
        if not reaches(access, campaign.office_id, campaign.agents):
            raise NotFound("There is no such campaign.", code="campaign_not_found")
        require_editable(campaign, {})
        match (new.url, new.upload_type, new.upload_id):
            case (str(url), None, None):
                return self._keep(access, campaign, "url", lambda: self._fetch(url))
            case (None, str(kind), None):
                return self._upload(campaign, origin, kind)
            case (None, None, str(upload_id)):
                read = partial(self._read, campaign, upload_id)
                return self._keep(access, campaign, "upload_id", read)
        raise InvalidInput("Say url, upload_type or upload_id.", field="url")

    def _upload(self, campaign: Campaign, origin: Origin, kind: str) -> MediaAnswer:
        upload_id = origin.new_id("upl")
        url = self._files.upload_link(
            upload_key(campaign.id, upload_id),
            content_type=kind,
            expires_s=int(_LINK_LIFE.total_seconds()),
        )
        upload = Upload("PUT", url, {"Content-Type": kind})
        return MediaAnswer(media=campaign.media, upload_id=upload_id, upload=upload)

    def _keep(
        self, access: Access, campaign: Campaign, field: str, read: Callable[[], FetchedFile]
    ) -> MediaAnswer:
        try:
            file = read()
        except MediaRefused as error:
            raise InvalidInput(
                "The file cannot be sent.", field=field, code=error.problem
            ) from error
        if file.type not in campaign_media.TYPES:
            raise InvalidInput(
                f"Files of type {file.type} cannot be sent.", field=field, code="type_not_allowed"
            )
        media = campaign_media.kept(file.content, file.type)
        if media in campaign.media:
            return MediaAnswer(media=campaign.media)
        wanted = (*campaign.media, media)
        campaign_media.require_room(wanted)
        if campaign.status is not CampaignStatus.DRAFT:
            changed_to = replace(campaign, media=wanted)
            require_ready(changed_to, self._missing_in_texts(changed_to))
        # The file first: a campaign must not name one that is not there.
        self._files.put(media_key(media), file.content, content_type=media.type)
        # An edit like any other: it voids an approval (K18).
        approval = self._approvals.on_edit(access.caller, campaign)
        changes = {"media": wanted, "approval": approval}
        changed = self._campaigns.change(campaign, changes, self._clock.now())
        return MediaAnswer(media=changed.media)

    def _read(self, campaign: Campaign, upload_id: str) -> FetchedFile:
        key = upload_key(campaign.id, upload_id)
        try:
            size = self._files.size(key)
        except NotFound as error:
            raise Conflict("The file has not been uploaded yet.", code="upload_missing") from error
        if size > campaign_media.MOST_BYTES:
            raise InvalidInput("The file is too large.", field="upload_id", code="media_too_large")
        content = self._files.get(key)
        # An upload link is bound to a type, but what was put there is a stranger's word.
        kind = agreed_type(content[:HEAD_BYTES], self._files.content_type(key))
        return FetchedFile(kind, content)
