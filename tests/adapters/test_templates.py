"""Merge fields: never a brace, never a gap, never a field read as a template."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.adapters.templates import MAX_TEMPLATE, MAX_TEXT, compile_template
from carillon.domain.errors import InvalidInput

ANN = {"first_name": "Ann", "last_name": "Lee", "Pick-up date": "May 3"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hello!", "Hello!"),
        ("Hi {{first_name}}!", "Hi Ann!"),
        ("Hi {{ first_name }} {{ last_name }}", "Hi Ann Lee"),
        ('Hi {{ first_name | default: "there" }}', "Hi Ann"),
        ("Hi {{first_name|default:'there'}}", "Hi Ann"),
        ('See you {{ ["Pick-up date"] }}', "See you May 3"),
        ("See you {{ pick_up_date }}", "See you May 3"),
        ("See you {{ PickUpDate }}", "See you May 3"),
        ("Hi {{ First_Name }}", "Hi Ann"),
        ("{{ first_name }}{{ first_name }}", "AnnAnn"),
        ("Line one\r\nHi {{ first_name }}\n", "Line one\r\nHi Ann\n"),
        ("Braces { stay }, 50% too, {# so #}", "Braces { stay }, 50% too, {# so #}"),
        ("{ {{ first_name }} }", "{ Ann }"),
        ('{{ nick | default: "" }}Hi', "Hi"),
        ('Hi {{ nick | default: "“you” 😀" }}', "Hi “you” 😀"),
    ],
)
def test_merge_fields_are_filled(body: str, text: str) -> None:
    assert compile_template(body).render(ANN) == text


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0"])
def test_a_blank_field_takes_the_fallback(blank: str) -> None:
    template = compile_template('Hi {{ first_name | default: "there" }},')

    assert template.render({"first_name": blank}) == "Hi there,"
    assert template.render({}) == "Hi there,"


@pytest.mark.parametrize("fields", [{}, {"first_name": ""}, {"first_name": " "}, {"name": "Ann"}])
def test_a_missing_or_blank_field_without_fallback_blocks_the_lead(fields: dict[str, str]) -> None:
    template = compile_template("Hi {{ first_name }},")

    with pytest.raises(InvalidInput) as refused:
        template.render(fields)

    assert (refused.value.code, refused.value.field) == ("missing_field", "first_name")


def test_the_exact_name_wins_over_a_similar_one() -> None:
    fields = {"First Name": "Similar", "first_name": "Exact"}

    assert compile_template("{{ first_name }}").render(fields) == "Exact"


def test_a_name_without_letters_is_similar_to_nothing() -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_template('{{ ["!!"] }}').render({"??": "not this"})

    assert refused.value.code == "missing_field"


def test_a_template_names_its_fields() -> None:
    template = compile_template('{{ a }} {{ b | default: "c" }} {{ a }} {{ ["d e"] }}')

    assert template.fields == {"a", "b", "d e"}
    assert compile_template("plain").fields == frozenset()


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        ("Hi {{ first_name", 1, 4),
        ("Hi {{ first_name }", 1, 4),
        ("Hi first_name }}", 1, 15),
        ("Hi\n\nto {{ }}", 3, 4),
        ("Hi {{ first name }}", 1, 13),
        ("{{ a }} {{ {{ b }} }}", 1, 12),
        ("{{{ a }}}", 1, 3),
        ("{{ a.b }}", 1, 1),
        ("{{ a[0] }}", 1, 1),
        ('{{ a["b"] }}', 1, 1),
        ("{{ [b] }}", 1, 1),
        ('{{ [""] }}', 1, 1),
        ('{{ "text" }}', 1, 1),
        ("{{ 42 }}", 1, 1),
        ("{{ (1..100000000) }}", 1, 1),
        ("{{ nil }}", 1, 1),
        ("{{ a | upcase }}", 1, 1),
        ("{{ a | nothing_like_it }}", 1, 1),
        ('{{ a | default: "b" | upcase }}', 1, 1),
        ("{{ a | default }}", 1, 1),
        ("{{ a | default: b }}", 1, 1),
        ('{{ a | default: "b", allow_false: true }}', 1, 1),
        ('{{ a | default "b" }}', 1, 16),
        ("{{ a if b else c }}", 1, 6),
        ("line\nand {% for i in (1..9) %}x{% endfor %}", 2, 5),
        ('{% include "secrets" %}', 1, 1),
        ("{% raw %}{{ a }}{% endraw %}", 1, 1),
        ("{% comment %}x{% endcomment %}", 1, 1),
        ("{% assign a = 1 %}", 1, 1),
        ("{{ a %}", 1, 6),
        ("{{" + "a[" * 1000 + "b" + "]" * 1000 + "}}", 1, 1),
    ],
)
def test_what_is_no_plain_merge_field_is_refused_with_its_place(
    body: str, line: int, column: int
) -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_template(body)

    assert (refused.value.code, refused.value.field) == ("template_syntax", "body")
    assert refused.value.extra == {"line": line, "column": column}


def test_a_template_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_template("a" * (MAX_TEMPLATE + 1))

    assert refused.value.code == "template_too_long"


def test_a_text_that_grows_too_long_blocks_its_lead_only() -> None:
    template = compile_template("{{ note }}!")

    assert len(template.render({"note": "a" * (MAX_TEXT - 1)})) == MAX_TEXT
    with pytest.raises(InvalidInput) as refused:
        template.render({"note": "a" * MAX_TEXT})

    assert refused.value.code == "text_too_long"


@pytest.mark.parametrize("body", ["", "  \n", '{{ a | default: "" }}'])
def test_a_text_without_content_is_not_sent(body: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_template(body).render({})

    assert refused.value.code == "text_blank"


def test_a_refusal_quotes_neither_text_nor_fields() -> None:
    with pytest.raises(InvalidInput) as refused:
        compile_template("Secret {{ first_name }} {{ code }}").render(ANN)

    assert "Secret" not in refused.value.detail
    assert "Ann" not in refused.value.detail


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.strip() != ""))
def test_any_field_content_goes_in_verbatim(content: str) -> None:
    template = compile_template('{{ a }}|{{ b | default: "x" }}')

    assert template.render({"a": content, "b": content}) == f"{content}|{content}"


@pytest.mark.parametrize(
    "content", ["{{ last_name }}", "{% include 'x' %}", "{{ 7 | times: 7 }}", "}}", "\\", "<b>&"]
)
def test_a_fields_content_is_never_read_as_a_template(content: str) -> None:
    assert (
        compile_template("Hi {{ first_name }}").render({"first_name": content}) == f"Hi {content}"
    )


@given(st.text(alphabet=st.characters(exclude_characters="{}%"), max_size=200))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    assert "".join(map(str, compile_template(text).pieces)) == text


@given(st.text('{}%|[]".:,- \nabdefault', max_size=60))
def test_any_text_compiles_or_is_refused_and_never_sends_a_brace_pair(body: str) -> None:
    try:
        text = compile_template(body).render({"a": "A", "b": "B"})
    except InvalidInput:
        return

    assert "{{" not in text.replace("{ {", "")
    assert "{%" not in text


# Short links (M6) --------------------------------------------------------------


def test_a_short_link_stands_where_its_name_was() -> None:
    template = compile_template("Hi {{ first_name }}: {{ links.offer }} or {{ links.terms }}.")

    text = template.render(ANN, {"offer": "https://go.example/a", "terms": "https://go.example/b"})

    assert text == "Hi Ann: https://go.example/a or https://go.example/b."
    assert template.links == {"offer", "terms"}
    assert template.fields == {"first_name"}


def test_a_contacts_column_never_stands_in_for_a_short_link() -> None:
    columns = {"links.offer": "https://evil.example", "links": "x", "linksoffer": "y"}

    with pytest.raises(InvalidInput) as caught:
        compile_template("{{ links.offer }}").render(columns, {"terms": "https://go.example/b"})

    assert (caught.value.code, caught.value.field) == ("missing_link", "offer")


@pytest.mark.parametrize(
    "body",
    ["{{ links.offer | default: 'x' }}", "{{ links.a.b }}", "{{ link.offer }}", "{{ links[''] }}"],
)
def test_nothing_else_is_a_short_link(body: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_template(body)

    assert caught.value.code == "template_syntax"


def test_all_fields_that_a_contact_lacks_are_named_in_the_order_of_the_text() -> None:
    template = compile_template(
        '{{ city }} {{ first_name }} {{ code }} {{ city }} {{ day | default: "soon" }}'
    )

    assert template.missing(ANN) == ["city", "code"]
    assert template.missing({"city": "x", "code": "y", "first_name": "z"}) == []
