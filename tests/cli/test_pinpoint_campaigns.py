"""What an Amazon Pinpoint campaign becomes: a draft, and the names of what it lacks."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters.templates import compile_template
from carillon.domain.hours import WEEKDAYS, active_hours
from infra.cli.pinpoint import FieldNames
from infra.cli.pinpoint_campaigns import Draft, NotCarried, draft_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = FieldNames(["Attributes.Plan", "Attributes.Pick-up date", "User.UserAttributes.Plan"])


def a_campaign(text: str = "Hello", **said: Any) -> dict[str, Any]:
    return {"Name": "Spring", "MessageConfiguration": {"SMSMessage": {"Body": text}}, **said}


def a_treatment(text: str, percent: int, **said: Any) -> dict[str, Any]:
    return {"MessageConfiguration": {"SMSMessage": {"Body": text}}, "SizePercent": percent, **said}


def drafted(campaign: dict[str, Any]) -> Draft:
    return draft_of(campaign, NAMES, NOW)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Hi {{Attributes.Plan}}!", "Hi {{ plan }}!"),
        ("{{ User.UserAttributes.Plan }}", "{{ plan_2 }}"),
        ("{{{Attributes.Plan}}}", "{{ plan }}"),
        ("{{Attributes.Plan.[0]}}", "{{ plan }}"),
        ("{{Attributes.[Pick-up date]}}", "{{ pick_up_date }}"),
        ("{{Location.City}}", "{{ city }}"),
        ("{{Attributes.1st}}", '{{ ["1st"] }}'),
        ("{{Attributes.empty}}", '{{ ["empty"] }}'),
        ("No field { here }", "No field { here }"),
    ],
)
def test_placeholders_become_the_merge_fields_of_the_list(text: str, body: str) -> None:
    draft = drafted(a_campaign(text))

    assert draft.body["body"] == body
    compile_template(body)


@pytest.mark.parametrize(
    "text",
    [
        "{{#if Attributes.Plan}}x{{/if}}",
        "{{Address}}",
        "{{Recommendations.ItemId.[0]}}",
        "{{lower Attributes.Plan}}",
        "{{Attributes.}}",
        "{{}}",
    ],
)
def test_a_placeholder_that_is_no_attribute_keeps_the_campaign_out(text: str) -> None:
    with pytest.raises(NotCarried) as refused:
        drafted(a_campaign(text))

    assert refused.value.reason == "placeholder"


@pytest.mark.parametrize(
    ("campaign", "reason"),
    [
        ({"Name": "E-mail", "MessageConfiguration": {"EmailMessage": {"Body": "x"}}}, "no_text"),
        ({"TemplateConfiguration": {"SMSTemplate": {"Name": "t"}}}, "text_in_template"),
        ({}, "no_text"),
        (a_campaign(AdditionalTreatments=[{"SizePercent": 50}]), "no_text"),
        (a_campaign(HoldoutPercent=100, AdditionalTreatments=[a_treatment("x", 0)]), "no_text"),
        (a_campaign(AdditionalTreatments=[a_treatment("x", 5)] * 10), "too_many_variants"),
    ],
)
def test_a_campaign_without_a_text_of_its_own_becomes_no_draft(
    campaign: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotCarried) as refused:
        drafted(campaign)

    assert refused.value.reason == reason


def test_treatments_become_variants_and_the_campaign_has_what_they_leave() -> None:
    draft = drafted(a_campaign("A", HoldoutPercent=10, AdditionalTreatments=[a_treatment("B", 30)]))

    assert draft.body["variants"] == [
        {"id": "v1", "weight": 60, "body": "A"},
        {"id": "v2", "weight": 30, "body": "B"},
    ]
    assert draft.not_carried == ("HoldoutPercent",)


def test_whatever_else_a_campaign_says_is_named() -> None:
    draft = drafted(
        a_campaign(
            Id="c1",
            IsPaused=False,
            SegmentId="s1",
            SegmentVersion=3,
            State={"CampaignStatus": "COMPLETED"},
            Limits={"Daily": 1, "Total": 0},
            Hook={},
            tags={"team": "crm"},
            Schedule={
                "StartTime": "2026-12-01T10:00:00Z",
                "Timezone": "UTC-05",
                "Frequency": "DAILY",
                "IsLocalTime": True,
                "EndTime": "2027-01-01T10:00:00+01:00",
                "QuietTime": {"Start": "21:00", "End": "08:00"},
            },
            AdditionalTreatments=[a_treatment("B", 50, Schedule={"Frequency": "ONCE"})],
        )
    )

    assert draft.not_carried == (
        "SegmentId",
        "Limits.Daily",
        "tags.team",
        "Schedule.StartTime",
        "Schedule.Timezone",
        "Schedule.Frequency",
        "Schedule.IsLocalTime",
        "AdditionalTreatments.1.Schedule.Frequency",
    )
    assert draft.body["ends_at"] == "2027-01-01T09:00:00Z"


def test_an_end_that_is_over_or_has_no_zone_is_named_and_not_kept() -> None:
    for end in ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00", "soon"):
        draft = drafted(a_campaign(Schedule={"EndTime": end}))

        assert "ends_at" not in draft.body
        assert draft.not_carried == ("Schedule.EndTime",)


def test_fields_that_no_endpoint_has_are_named() -> None:
    assert drafted(a_campaign("{{Attributes.Coupon}}")).unknown_fields == ("coupon",)


def test_the_phone_it_was_sent_from_is_told_to_find_its_sender() -> None:
    text = {"SMSMessage": {"Body": "Hi", "OriginationNumber": "+12065550199", "SenderId": "BELL"}}

    draft = drafted({"Name": "Spring", "MessageConfiguration": text})

    assert draft.origin == "+12065550199"
    assert draft.not_carried == ("MessageConfiguration.SMSMessage.SenderId",)


def test_a_title_too_long_is_cut_and_that_is_named() -> None:
    draft = drafted(a_campaign() | {"Name": "x" * 201})

    assert len(draft.title) == 200
    assert draft.not_carried == ("Name (beyond 200 characters)",)


_TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(_TIMES, _TIMES)
def test_every_minute_is_either_quiet_or_open_on_the_persons_own_clock(
    start: str, end: str
) -> None:
    draft = drafted(a_campaign(Schedule={"QuietTime": {"Start": start, "End": end}}))

    if start == end:
        assert draft.not_carried == ("Schedule.QuietTime.Start", "Schedule.QuietTime.End")
        return
    hours = active_hours(draft.body["active_hours"])
    assert hours.zone == "recipient"
    for spans in hours.week.days:
        opened = {minute for opens, closes in spans for minute in range(opens, closes)}
        assert opened == set(range(1440)) - quiet(minutes(start), minutes(end))
    assert len(hours.week.days) == len(WEEKDAYS)


def minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def quiet(start: int, end: int) -> set[int]:
    if start < end:
        return set(range(start, end))
    return set(range(start, 1440)) | set(range(end))
