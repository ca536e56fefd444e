"""Our webhook signatures against Twilio's own validator, in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from carillon.adapters.providers.twilio import TwilioCredentials, is_signed, signature

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


def credentials(token: str = TOKEN, previous: str = "") -> TwilioCredentials:
    return TwilioCredentials(account_sid="AC1", auth_token=token, previous_auth_token=previous)


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
    assert is_signed(url, form, twilio.compute_signature(url, Form(form)), credentials())


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
    assert is_signed(url, forged, signed, credentials()) is same
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

    assert not is_signed(forged, form, signature(URLS[0], form, TOKEN), credentials())


@pytest.mark.parametrize("given", ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "ü"])
def test_any_other_signature_is_refused(given: str) -> None:
    assert not is_signed(URLS[0], {"MessageSid": ["SM1"]}, given, credentials())


@pytest.mark.parametrize(
    ("signed_with", "is_accepted"), [("new", True), ("old", True), ("older", False), ("", False)]
)
def test_while_a_token_is_rotated_both_sign_and_an_empty_one_never_does(
    signed_with: str, is_accepted: bool
) -> None:
    form = {"MessageSid": ["SM1"]}
    signed = signature(URLS[0], form, signed_with)

    assert is_signed(URLS[0], form, signed, credentials("new", "old")) is is_accepted
    assert is_signed(URLS[0], form, signed, credentials("new")) is (signed_with == "new")


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

    assert is_signed(ours, form, signature(signed, form, TOKEN), credentials())
    assert RequestValidator(TOKEN).validate(ours, Form(form), signature(signed, form, TOKEN))
