"""Our webhook signatures against Twilio's own validator, in both directions."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from carillon.adapters.providers.contract import WebhookCall
from carillon.adapters.providers.twilio import MODULE, is_signed, signature
from tests.support.clock import NOON

TOKEN = "12345"
BASE = "https://hooks.example.com"
URLS = [
    f"{BASE}/twilio/snd_a/status?ref=Y21wX2EjMDAwMDB-YWJj",
    f"{BASE}/twilio/snd_a/inbound",
    f"{BASE}/prod/twilio/snd_a/status?b=2&a=1&a=0&blank=&flag",
    "http://127.0.0.1:4566/twilio/snd_a/status?ref=a%2Fb+c",
    "https://hooks.example.com:8443/x?text=%C3%BCber",
]
FORMS: list[dict[str, list[str]]] = [
    {},
    {"MessageSid": ["SM1"], "MessageStatus": ["sent"], "ErrorCode": [""]},
    {"Body": ["Ünï¢ødé 👋 — ¿qué?"], "From": ["+12025550142"]},
    {"MediaUrl": ["b", "a", "b"], "a": ["2"], "A": ["1"], "aa": ["3"]},
    {"Body": ["a=b&c=d%20e+f\n\t"], "": ["nameless"]},
]
urls = st.sampled_from(URLS)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
forms = st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), max_size=5)


class Form(dict[str, list[str]]):
    """A form as Twilio's validator reads one with repeated names."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def a_call(
    form: dict[str, list[str]], *, signed_with: str = TOKEN, url: str = URLS[0], **headers: str
) -> WebhookCall:
    """Return the webhook that posts *form*; *headers* (with _ for -) replace those given."""
    given = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": RequestValidator(signed_with).compute_signature(url, Form(form)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    body = urlencode(form, doseq=True).encode()
    return WebhookCall(method="POST", url=url, headers=given, body=body, received_at=NOON)


def test_the_signature_is_that_of_twilios_published_example() -> None:
    form = {
        "CallSid": ["CA1234567890ABCDE"],
        "Caller": ["+14158675309"],
        "Digits": ["1234"],
        "From": ["+14158675309"],
        "To": ["+18005551212"],
    }

    signed = signature("https://mycompany.com/myapp.php?foo=1&bar=2", form, TOKEN)

    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("form", FORMS)
def test_twilio_accepts_what_we_sign_and_we_accept_what_twilio_signs(
    url: str, form: dict[str, list[str]]
) -> None:
    twilio = RequestValidator(TOKEN)

    assert twilio.validate(url, Form(form), signature(url, form, TOKEN))
    assert is_signed(url, form, twilio.compute_signature(url, Form(form)), [TOKEN])


@given(urls, forms)
def test_both_agree_on_any_form(url: str, form: dict[str, list[str]]) -> None:
    theirs = RequestValidator(TOKEN).compute_signature(url, Form(form))

    assert signature(url, form, TOKEN) == theirs


@given(urls, forms, texts, texts)
def test_a_changed_form_is_refused(
    url: str, form: dict[str, list[str]], name: str, value: str
) -> None:
    signed = signature(url, form, TOKEN)
    forged = {**form, name: [*form.get(name, []), value]}

    same = RequestValidator(TOKEN).validate(url, Form(forged), signed)

    # Repeated values are signed once, so a form may say the same thing twice.
    assert is_signed(url, forged, signed, [TOKEN]) is same
    assert same or forged != form


@pytest.mark.parametrize(
    "forged",
    [
        URLS[0].replace("snd_a", "snd_b"),
        URLS[0].replace("Y21w", "Y21x"),
        URLS[0].partition("?")[0],
        URLS[0] + "&more=1",
        URLS[0].replace("https", "http"),
        URLS[0].replace("hooks", "hookz"),
    ],
)
def test_a_changed_address_is_refused(forged: str) -> None:
    form = {"MessageSid": ["SM1"]}

    assert not is_signed(forged, form, signature(URLS[0], form, TOKEN), [TOKEN])


@pytest.mark.parametrize("given", ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "ü"])
def test_any_other_signature_is_refused(given: str) -> None:
    assert not is_signed(URLS[0], {"MessageSid": ["SM1"]}, given, [TOKEN])


@pytest.mark.parametrize(
    ("signed_with", "is_accepted"), [("new", True), ("old", True), ("older", False), ("", False)]
)
def test_while_a_token_is_rotated_both_sign_and_an_empty_one_never_does(
    signed_with: str, is_accepted: bool
) -> None:
    form = {"MessageSid": ["SM1"]}
    signed = signature(URLS[0], form, signed_with)

    assert is_signed(URLS[0], form, signed, ["new", "old"]) is is_accepted
    assert is_signed(URLS[0], form, signed, ["new", ""]) is (signed_with == "new")


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://h.example.com/x?a=1", "https://h.example.com:443/x?a=1"),
        ("https://h.example.com:443/x?a=1", "https://h.example.com/x?a=1"),
        ("http://h.example.com/x", "http://h.example.com:80/x"),
        ("https://h.example.com:8443/x", "https://h.example.com/x"),
    ],
)
def test_the_port_may_be_signed_or_left_out_as_twilio_does_both(ours: str, signed: str) -> None:
    form = {"MessageSid": ["SM1"]}

    assert is_signed(ours, form, signature(signed, form, TOKEN), [TOKEN])
    assert RequestValidator(TOKEN).validate(ours, Form(form), signature(signed, form, TOKEN))


# The whole call --------------------------------------------------------------------


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("form", [form for form in FORMS if "" not in form])
def test_a_call_that_twilio_signs_is_authentic_and_gives_its_form(
    url: str, form: dict[str, list[str]]
) -> None:
    call = a_call(form, url=url)

    assert MODULE.is_authentic(call, {"auth_token": TOKEN})
    assert MODULE.payload(call) == form


@pytest.mark.parametrize(
    ("secret", "is_authentic"),
    [
        ({"auth_token": "new", "previous_auth_token": TOKEN}, True),
        ({"auth_token": TOKEN, "previous_auth_token": ""}, True),
        ({"auth_token": "new"}, False),
        ({"auth_token": "", "previous_auth_token": ""}, False),
        ({}, False),
    ],
)
def test_the_present_and_the_previous_token_alone_are_accepted(
    secret: dict[str, str], *, is_authentic: bool
) -> None:
    assert MODULE.is_authentic(a_call(FORMS[1]), secret) is is_authentic


def test_a_call_signed_with_an_empty_token_is_never_authentic() -> None:
    call = a_call(FORMS[1], signed_with="")

    assert not MODULE.is_authentic(call, {"auth_token": "", "previous_auth_token": ""})
    assert not MODULE.is_authentic(call, {"auth_token": TOKEN})


@pytest.mark.parametrize(
    "call",
    [
        a_call(FORMS[1], x_twilio_signature=""),
        a_call(FORMS[1], x_twilio_signature="\ud800"),
        a_call(FORMS[1], content_type="application/json"),
        a_call(FORMS[1], content_type=""),
        replace(a_call(FORMS[1]), body=b"MessageSid=SM1&MessageStatus=failed"),
        replace(a_call(FORMS[1]), body=b"\xff\xfe"),
        replace(a_call(FORMS[1]), body=b"MessageSid=%ff"),
        replace(a_call(FORMS[1]), body=b"&".join(b"a=1" for _ in range(300))),
        replace(a_call(FORMS[1]), headers={}),
        replace(a_call(FORMS[1]), url=URLS[1]),
    ],
)
def test_whatever_else_is_changed_the_call_is_not_authentic(call: WebhookCall) -> None:
    assert not MODULE.is_authentic(call, {"auth_token": TOKEN})


@given(
    st.dictionaries(st.sampled_from(["x-twilio-signature", "content-type", "x"]), st.text()),
    st.binary(max_size=40),
    st.booleans(),
)
def test_no_bytes_of_a_stranger_are_authentic_or_an_error(
    headers: dict[str, str], body: bytes, as_form: bool
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"} if as_form else {}
    call = replace(a_call({}), headers={**headers, **form}, body=body)

    assert not MODULE.is_authentic(call, {"auth_token": TOKEN})


def test_a_connection_override_is_no_part_of_what_a_server_can_verify() -> None:
    """The fragment never leaves Twilio; signed with it, no callback at all could be verified."""
    given = RequestValidator(TOKEN).compute_signature(URLS[0], Form(FORMS[1]))

    assert is_signed(URLS[0], FORMS[1], given, [TOKEN])
    assert not RequestValidator(TOKEN).validate(URLS[0] + "#rc=3&rp=ct,5xx", Form(FORMS[1]), given)
