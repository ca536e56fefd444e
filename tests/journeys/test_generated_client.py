"""A program works with the deployed API by the client that is written from the contract."""

import pytest

from infra.local.platform import LocalPlatform
from tests.support.generated_client import GeneratedClient, generated_client, model

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def boss(platform: LocalPlatform) -> GeneratedClient:
    admin = platform.add_person("client-admin@example.com", role="admin")
    return generated_client(platform.api_url, platform.sign_in(admin))


def test_a_program_prepares_a_campaign_and_reads_why_it_cannot_be_launched(
    boss: GeneratedClient,
) -> None:
    new_office = model("NewOffice")(name="Berlin", timezone="Europe/Berlin")
    office = boss.call("offices", "create_office", body=new_office)
    new = model("NewCampaign")(title="Spring", office_id=office.id)

    made = boss.detailed("campaigns", "create_campaign", body=new, idempotency_key="k1")
    again = boss.call("campaigns", "create_campaign", body=new, idempotency_key="k1")
    changed = boss.call(
        "campaigns",
        "change_campaign",
        made.parsed.id,
        body=model("CampaignChange")(title="Summer"),
        if_match=made.headers["etag"],
    )
    refused = boss.call("campaigns", "launch_campaign", made.parsed.id)
    drafts = boss.call("campaigns", "list_campaigns", tab=model("ListCampaignsTab").DRAFT)

    assert (office.name, again.id) == ("Berlin", made.parsed.id)
    assert (changed.title, changed.launched_at) == ("Summer", None)
    assert (refused.status, refused.code) == (409, "campaign_not_ready")
    assert "list_ids" in refused.missing
    assert made.parsed.id in [one.id for one in drafts.items]
