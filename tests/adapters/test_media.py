"""Files from addresses that nobody vouches for: from where, how large, how long, what."""

import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from carillon.adapters.media import SafeFetcher
from carillon.adapters.providers import modules
from carillon.adapters.providers.contract import MediaAccess
from carillon.domain.media import FetchedFile, MediaRefused, Problem
from tests.support.lying_server import Answer, LyingServer, certified_for, says

JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 40
PICTURE = says(JPEG, Content_Type="image/jpeg")
FILE = FetchedFile("image/jpeg", JPEG)


class Names:
    """A resolver that gives each name's addresses, one list after the other, the last for good."""

    def __init__(self, **addresses: Sequence[Sequence[str]]) -> None:
        self._addresses = {name.replace("_", "."): list(many) for name, many in addresses.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._addresses.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def problem_of(call: Callable[[], object]) -> Problem:
    """Return why *call* was refused."""
    with pytest.raises(MediaRefused) as refused:
        call()
    return refused.value.problem


def nobody_is_called(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up")


def local(server: LyingServer, **changes: Any) -> SafeFetcher:
    """Return a fetcher that reaches *server* under the names that the tests use."""
    names = ("media.example.com", "cdn.example.com", "other.example.net")
    defaults: dict[str, Any] = {
        "resolve": Names(**{name.replace(".", "_"): [["127.0.0.1"]] for name in names}),
        "trusted": [f"{name}:{server.port}" for name in names],
        "within_s": 5.0,
    }
    return SafeFetcher(**{**defaults, **changes})


def at(server: LyingServer, path: str = "/1", host: str = "media.example.com") -> str:
    return f"http://{host}:{server.port}{path}"


# Where -------------------------------------------------------------------------------------------

HOSTILE = [
    # Another scheme, or none.
    *("http://media.example.com/1", "ftp://media.example.com/1", "file:///etc/passwd"),
    *("gopher://media.example.com/", "//media.example.com/1", "media.example.com/1", ""),
    *("https:///1", "https:media.example.com/1", "https://", "javascript:alert(1)"),
    # Another port, or none that is one.
    *("https://media.example.com:8443/1", "https://media.example.com:80/1"),
    *("https://media.example.com:0/", "https://media.example.com:65536/"),
    *("https://media.example.com:x/", "https://media.example.com:22/"),
    # Somebody before the host.
    *("https://user@media.example.com/1", "https://user:pass@media.example.com/1"),
    *("https://media.example.com@169.254.169.254/", "https://@media.example.com/"),
    "https://media.example.com:443@evil.example.net/",
    # An address instead of a name, in any spelling.
    *("https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://8.8.8.8/"),
    *("https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/"),
    *("https://0x7f.0.0.1/", "https://127.0.0.0x1/", "https://1.1.1.1./", "https://0/"),
    *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fd00:ec2::254]/"),
    *("https://[fe80::1%25eth0]/", "https://[::]/", "https://[64:ff9b::7f00:1]/"),
    *("https://[::1/", "https://[v1.fe80::a]/"),
    # Names that are none in public.
    *("https://localhost/", "https://metadata/", "https://media/", "https://.example.com/"),
    *("https://media.example.com./1", "https://media..example.com/", "https://-a.example.com/"),
    *("https://media.example.123/", f"https://{'a' * 64}.example.com/"),
    "https://" + "a." * 130 + "com/",
    # Other alphabets, encoded dots, what parsers disagree about.
    *("https://m\u00e9dia.example.com/", "https://127\u30020\u30020\u30021/"),
    *("https://\uff11\uff12\uff17.0.0.1/", "https://media\u2024example.com/"),
    *("https://media%2eexample.com/", "https://media.example.com%00.evil.net/"),
    *("https://media.example.com\\@169.254.169.254/", "https:\\\\media.example.com/1"),
    *("https://media.example.com/a b", "https://media.example.com/a\r\nHost: evil"),
    *(
        "https://media.exa\tmple.com/",
        " https://media.example.com/",
        "https://media.example.com/\x00",
    ),
    "https://media.example.com/" + "a" * 5000,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_that_is_not_plainly_a_public_name_is_refused_before_it_is_looked_up(
    url: str,
) -> None:
    fetcher = SafeFetcher(resolve=nobody_is_called)

    assert problem_of(lambda: fetcher.fetch(url)) is Problem.BAD_ADDRESS


_PIECES = st.sampled_from(
    [
        *("https://", "http://", "/", "//", "\\", "@", ":", "?", "#", ".", "..", "%2e", "%00"),
        *("[", "]", "::1", "443", "80", "8443", "media.example.com", "evil.net", "localhost"),
        *("127.0.0.1", "169.254.169.254", "2130706433", "0x7f.1", "user", "a", "-", "_"),
        *("\u3002", "\t", "\n", "\u00e9", " "),
    ]
)


@settings(max_examples=150, deadline=None)
@example("https://media.example.com:443/a?b#c")
@example("https://media.example.com?@evil.net/")
@given(st.lists(_PIECES, max_size=12).map("".join).map(lambda rest: f"https://{rest}"))
def test_whatever_is_looked_up_is_the_host_that_another_parser_finds(url: str) -> None:
    names = Names()

    problem = problem_of(lambda: SafeFetcher(resolve=names).fetch(url))

    assert problem is (Problem.UNRESOLVED if names.asked else Problem.BAD_ADDRESS)
    for host in names.asked:
        other = parse_url(url)
        assert (other.scheme, other.auth, other.host) == ("https", None, host)
        assert other.port in (None, 443)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_any_text_for_an_address_is_refused_and_nothing_else_happens(url: str) -> None:
    fetcher = SafeFetcher(resolve=nobody_is_called)

    assert problem_of(lambda: fetcher.fetch(url)) is Problem.BAD_ADDRESS


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["224.0.0.1"],
        ["0.0.0.0"],
        ["::1"],
        ["fe80::1%eth0"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:7f00:1::"],
        ["not an address"],
        # One bad one among good ones.
        ["93.184.216.34", "192.168.0.1"],
        ["2606:4700::1111", "::1"],
        ["93.184.216.34"] * 9 + ["127.0.0.1"],
    ],
)
def test_a_name_that_stands_for_an_address_of_ours_is_not_called(addresses: list[str]) -> None:
    with LyingServer([PICTURE]) as server:
        fetcher = SafeFetcher(resolve=Names(media_example_com=[addresses]))

        problem = problem_of(lambda: fetcher.fetch("https://media.example.com/1"))

        assert (problem, server.asked) == (Problem.FORBIDDEN_ADDRESS, [])


@pytest.mark.parametrize("answers", [[], [[]]])
def test_a_name_that_stands_for_nothing_may_do_so_later(answers: list[list[str]]) -> None:
    names = Names(media_example_com=answers) if answers else Names()

    problem = problem_of(lambda: SafeFetcher(resolve=names).fetch("https://media.example.com/1"))

    assert problem is Problem.UNRESOLVED


def test_a_name_is_looked_up_once_and_the_connection_made_to_what_was_looked_at() -> None:
    """DNS rebinding: a second look would find another address."""
    with LyingServer([PICTURE]) as server:
        names = Names(media_example_com=[["127.0.0.1"], ["127.0.0.2"]])

        assert local(server, resolve=names).fetch(at(server)) == FILE

        assert names.asked == ["media.example.com"]


def test_a_trusted_endpoint_is_one_port_of_one_name() -> None:
    with LyingServer([PICTURE]) as server:
        names = Names(other_example_net=[["127.0.0.1"]], media_example_com=[["127.0.0.1"]])
        fetcher = SafeFetcher(resolve=names, trusted=[f"media.example.com:{server.port}"])

        problems = [
            problem_of(lambda: fetcher.fetch(at(server, host="other.example.net"))),
            problem_of(lambda: fetcher.fetch("http://media.example.com/1")),
            problem_of(lambda: fetcher.fetch("https://media.example.com/1")),
        ]

        assert problems == [
            Problem.BAD_ADDRESS,
            Problem.BAD_ADDRESS,
            Problem.FORBIDDEN_ADDRESS,
        ]


def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    with LyingServer([PICTURE]) as server:
        # Nobody listens on the second loopback address.
        names = Names(media_example_com=[["127.0.0.2", "127.0.0.1"]])

        assert local(server, resolve=names).fetch(at(server)) == FILE


def test_the_request_says_no_more_than_it_must() -> None:
    with LyingServer([PICTURE]) as server:
        local(server).fetch(at(server, "/a%20b?x=1&y=2#part"))

        (head,) = server.asked

    assert head.decode().splitlines() == [
        "GET /a%20b?x=1&y=2 HTTP/1.1",
        f"Host: media.example.com:{server.port}",
        "User-Agent: carillon",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
    ]


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with LyingServer([PICTURE]) as server:
        assert local(server).fetch(at(server)) == FILE


def test_the_certificate_must_be_the_names_although_the_address_is_called(tmp_path: Path) -> None:
    right, trusting_right = certified_for("media.example.com", tmp_path)
    wrong, trusting_wrong = certified_for("other.example.net", tmp_path)
    numbered, trusting_number = certified_for("127.0.0.1", tmp_path)
    seen = []

    for tls, client in (
        (right, trusting_right),
        (wrong, trusting_wrong),
        (numbered, trusting_number),
        (right, trusting_wrong),
    ):
        with LyingServer([PICTURE], tls=tls) as server:
            url = f"https://media.example.com:{server.port}/1"
            try:
                seen.append(local(server, tls=client).fetch(url).type)
            except MediaRefused as refused:
                seen.append(refused.problem)
            asked = len(server.asked)
        assert asked == (tls is right and client is trusting_right)

    assert seen == ["image/jpeg", *[Problem.UNREACHABLE] * 3]


# Who ---------------------------------------------------------------------------------------------


def asks_who(head: bytes, talking: socket.socket) -> None:
    """Answer whoever says who asks, and 401 to others."""
    known = b"Authorization: Basic c2lkOnRva2Vu\r\n" in head
    (PICTURE if known else says(status=401))(head, talking)


def access(**changes: Any) -> MediaAccess:
    defaults: dict[str, Any] = {
        "own_hosts": ("media.example.com",),
        "redirect_hosts": ("cdn.example.com",),
        "authorization": lambda: "Basic c2lkOnRva2Vu",
    }
    return MediaAccess(**{**defaults, **changes})


def credentials_in(server: LyingServer) -> list[bool]:
    return [b"authorization" in head.lower() for head in server.asked]


def test_credentials_go_to_the_providers_own_host_once_it_asks() -> None:
    with LyingServer([asks_who]) as server:
        assert local(server).fetch(at(server), access()) == FILE

        assert credentials_in(server) == [False, True]


def test_credentials_that_are_not_asked_for_stay_here() -> None:
    with LyingServer([PICTURE]) as server:
        local(server).fetch(at(server), access())

        assert credentials_in(server) == [False]


@pytest.mark.parametrize(
    "rules",
    [
        access(own_hosts=()),
        access(own_hosts=("*.media.example.com", "example.com", "xmedia.example.com")),
        access(own_hosts=("*.example.com",)),
        access(authorization=None),
        MediaAccess(),
    ],
)
def test_no_other_host_is_told_who_asks_whatever_it_wants(rules: MediaAccess) -> None:
    with LyingServer([asks_who]) as server:
        problem = problem_of(lambda: local(server).fetch(at(server), rules))

        assert (problem, credentials_in(server)) == (Problem.DENIED, [False])


def test_credentials_that_do_not_help_are_said_once() -> None:
    with LyingServer([says(status=403)]) as server:
        problem = problem_of(lambda: local(server).fetch(at(server), access()))

        assert (problem, credentials_in(server)) == (Problem.DENIED, [False, True])


@pytest.mark.parametrize(
    ("names", "host", "fits"),
    [
        (("media.example.com",), "media.example.com", True),
        (("*.example.com",), "media.example.com", True),
        (("*.example.com",), "MEDIA.Example.com", True),
        (("*.media.example.com",), "media.example.com", False),
        (("*.ample.com",), "media.example.com", False),
        (("example.com",), "media.example.com", False),
    ],
)
def test_only_the_hosts_of_a_provider_are_asked_where_they_are_known(
    names: tuple[str, ...], host: str, fits: bool
) -> None:
    with LyingServer([PICTURE]) as server:
        fetcher, url, rules = local(server), at(server, host=host), MediaAccess(hosts=names)
        if fits:
            assert fetcher.fetch(url, rules) == FILE
        else:
            assert problem_of(lambda: fetcher.fetch(url, rules)) is Problem.FORBIDDEN_HOST

        assert len(server.asked) == fits


# Onward ------------------------------------------------------------------------------------------


def onward(server: LyingServer, host: str = "cdn.example.com", status: int = 307) -> Answer:
    return says(status=status, Location=at(server, "/signed?x=1", host))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_answer_may_point_on_to_a_host_that_the_provider_documents(status: int) -> None:
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [onward(server, status=status), PICTURE]

        assert local(server).fetch(at(server), access()) == FILE

        assert server.asked[1].startswith(
            b"GET /signed?x=1 HTTP/1.1\r\nHost: cdn.example.com:%d\r\n" % server.port
        )


def test_credentials_do_not_go_on_to_another_host_even_if_it_asks() -> None:
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [says(status=401), onward(server), says(status=401)]

        problem = problem_of(lambda: local(server).fetch(at(server), access()))

        assert problem is Problem.DENIED
        assert credentials_in(server) == [False, True, False]


def test_twilios_way_works_credentials_at_the_api_and_none_at_the_copy() -> None:
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [says(status=401), onward(server), PICTURE]

        assert local(server).fetch(at(server), access()) == FILE

        assert credentials_in(server) == [False, True, False]


@pytest.mark.parametrize(
    "location",
    [
        "http://other.example.net:{port}/1",
        "http://media.example.com:{port}/2",
        "/elsewhere",
        "//other.example.net:{port}/1",
        "",
        "http://cdn.example.com.evil.net/",
        "https://xcdn.example.com/",
        "https://cdn.example.com/a\tb",
    ],
)
def test_an_answer_that_points_anywhere_else_is_refused(location: str) -> None:
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [says(status=302, Location=location.format(port=server.port)), PICTURE]

        problem = problem_of(lambda: local(server).fetch(at(server), access()))

        assert problem in (Problem.REDIRECTED, Problem.BAD_ADDRESS)
        assert len(server.asked) == 1


def test_nothing_is_followed_where_the_provider_documents_no_redirect() -> None:
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [onward(server), PICTURE]

        problem = problem_of(lambda: local(server).fetch(at(server), access(redirect_hosts=())))

        assert (problem, len(server.asked)) == (Problem.REDIRECTED, 1)


def test_a_third_redirect_is_one_too_many() -> None:
    rules = access(redirect_hosts=("*.example.com",))
    with LyingServer([PICTURE]) as server:
        server.answers[:] = [onward(server), onward(server), PICTURE]
        assert local(server).fetch(at(server), rules) == FILE

        server.answers[:] = [onward(server)]
        problem = problem_of(lambda: local(server).fetch(at(server), rules))

    assert problem is Problem.REDIRECTED


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("https://cdn.example.com/1", Problem.FORBIDDEN_ADDRESS),
        ("http://cdn.example.com/1", Problem.BAD_ADDRESS),
        ("https://cdn.example.com:8443/1", Problem.BAD_ADDRESS),
        ("https://user@cdn.example.com/1", Problem.BAD_ADDRESS),
        ("https://169.254.169.254/latest/meta-data/", Problem.BAD_ADDRESS),
        ("file:///etc/passwd", Problem.BAD_ADDRESS),
    ],
)
def test_what_an_answer_points_on_to_is_looked_at_like_the_first_address(
    location: str, problem: Problem
) -> None:
    with LyingServer([says(status=302, Location=location)]) as server:
        names = Names(media_example_com=[["127.0.0.1"]], cdn_example_com=[["169.254.169.254"]])

        assert problem_of(lambda: local(server, resolve=names).fetch(at(server), access())) is (
            problem
        )


def test_a_name_that_changes_its_mind_between_two_requests_is_looked_at_both_times() -> None:
    rules = access(redirect_hosts=("media.example.com",))
    with LyingServer([says(status=302, Location="https://media.example.com/2")]) as server:
        names = Names(media_example_com=[["127.0.0.1"], ["10.0.0.1"]])

        problem = problem_of(lambda: local(server, resolve=names).fetch(at(server), rules))

    assert (problem, len(names.asked)) == (Problem.FORBIDDEN_ADDRESS, 2)


# How much ----------------------------------------------------------------------------------------


def without_end(_: bytes, talking: socket.socket) -> None:
    talking.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG)
    while True:
        talking.sendall(b"x" * 65536)


def in_chunks(head: bytes, talking: socket.socket) -> None:
    talking.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (JPEG[:5], JPEG[5:], b""))
    )


def chunks_without_end(_: bytes, talking: socket.socket) -> None:
    talking.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n" % (len(JPEG), JPEG)
    )
    while True:
        talking.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@pytest.mark.parametrize("answer", [without_end, chunks_without_end])
def test_reading_stops_at_the_limit_whatever_is_said_or_not_said_of_the_length(
    answer: Answer,
) -> None:
    with LyingServer([answer]) as server:
        problem = problem_of(lambda: local(server, most_bytes=500_000).fetch(at(server)))

    assert problem is Problem.TOO_LARGE
    # What lies in the sockets' buffers is more than was read; it is not without end.
    assert server.sent < 20_000_000


@pytest.mark.parametrize(
    ("size", "problem"), [(999, None), (1000, None), (1001, Problem.TOO_LARGE)]
)
@pytest.mark.parametrize("length", [None, -1])
def test_a_file_of_exactly_the_limit_is_kept(
    size: int, problem: Problem | None, length: int | None
) -> None:
    body = JPEG + b"x" * (size - len(JPEG))
    with LyingServer([says(body, length=length, Content_Type="image/jpeg")]) as server:
        fetcher = local(server, most_bytes=1000)
        if problem is None:
            assert fetcher.fetch(at(server)).content == body
        else:
            assert problem_of(lambda: fetcher.fetch(at(server))) is problem


def test_a_length_that_is_too_large_is_believed_before_anything_is_read() -> None:
    with LyingServer([says(JPEG, length=10_000_000, Content_Type="image/jpeg")]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) is Problem.TOO_LARGE


def test_a_length_that_is_too_small_is_all_that_is_read() -> None:
    with LyingServer([says(JPEG, length=len(JPEG) - 7, Content_Type="image/jpeg")]) as server:
        assert local(server).fetch(at(server)).content == JPEG[:-7]


def test_a_file_that_breaks_off_is_not_kept_and_may_be_whole_later() -> None:
    broken = says(JPEG, length=len(JPEG) + 1, Content_Type="image/jpeg")
    with LyingServer([broken]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) is Problem.UNAVAILABLE


def test_a_file_in_chunks_is_put_together() -> None:
    with LyingServer([in_chunks]) as server:
        assert local(server).fetch(at(server)) == FILE


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
        {"Content_Encoding": "gzip, gzip"},
        {"Transfer_Encoding": "gzip, chunked"},
    ],
)
def test_what_is_packed_is_not_unpacked(headers: dict[str, Any]) -> None:
    with LyingServer([says(JPEG, Content_Type="image/jpeg", **headers)]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) is Problem.ENCODED


# How long ----------------------------------------------------------------------------------------


def drips(start: bytes, drop: bytes) -> Answer:
    """Return an answer that begins with *start* and goes on with a *drop* now and then."""

    def answer(_: bytes, talking: socket.socket) -> None:
        talking.sendall(start)
        while True:
            time.sleep(0.02)
            talking.sendall(drop)

    return answer


_OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        drips(b"", b"H"),
        drips(_OK + b"X-Long: ", b"a"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(_OK + b"Content-Type: image/jpeg\r\n\r\n" + JPEG, b"x"),
        drips(_OK + b"Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        drips(_OK + b"Content-Type: image/jpeg\r\nContent-Length: 4000\r\n\r\n" + JPEG, b"x"),
        lambda _, talking: time.sleep(0.6),
    ],
)
def test_the_whole_takes_so_long_and_no_longer_however_slowly_it_drips(answer: Answer) -> None:
    with LyingServer([answer]) as server:
        began = time.monotonic()

        problem = problem_of(lambda: local(server, within_s=0.3).fetch(at(server)))

        assert problem is Problem.TOO_SLOW
        assert time.monotonic() - began < 2


def test_a_name_that_takes_its_time_to_be_known_takes_no_more_than_the_whole() -> None:
    def slowly(host: str, port: int) -> Sequence[str]:
        time.sleep(0.6)
        return ["93.184.216.34"]

    began = time.monotonic()
    fetcher = SafeFetcher(resolve=slowly, within_s=0.2)

    assert problem_of(lambda: fetcher.fetch("https://media.example.com/1")) is Problem.TOO_SLOW
    assert time.monotonic() - began < 0.5


def test_redirects_share_the_time_of_the_whole() -> None:
    def slowly(head: bytes, talking: socket.socket) -> None:
        time.sleep(0.25)
        onward(server)(head, talking)

    with LyingServer([slowly]) as server:
        problem = problem_of(lambda: local(server, within_s=0.4).fetch(at(server), access()))

    assert problem is Problem.TOO_SLOW


def test_a_host_that_speaks_no_tls_or_hangs_up_is_unreachable() -> None:
    with LyingServer([PICTURE]) as server:
        url = f"https://media.example.com:{server.port}/1"
        assert problem_of(lambda: local(server, within_s=0.5).fetch(url)) in (
            Problem.UNREACHABLE,
            Problem.TOO_SLOW,
        )
    assert problem_of(lambda: local(server).fetch(at(server))) is Problem.UNREACHABLE


# What --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (204, Problem.DENIED),
        (206, Problem.DENIED),
        (304, Problem.DENIED),
        (400, Problem.DENIED),
        (404, Problem.UNAVAILABLE),
        (410, Problem.DENIED),
        (429, Problem.UNAVAILABLE),
        (500, Problem.UNAVAILABLE),
        (503, Problem.UNAVAILABLE),
    ],
)
def test_an_answer_that_is_no_file_says_whether_to_come_back(status: int, problem: Problem) -> None:
    with LyingServer([says(JPEG, status=status, Content_Type="image/jpeg")]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) is problem


@pytest.mark.parametrize(
    "garbage", [b"", b"\x00" * 100, b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 x\r\n\r\n"]
)
def test_what_is_not_http_is_no_file(garbage: bytes) -> None:
    with LyingServer([lambda _, talking: talking.sendall(garbage)]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) in (
            Problem.UNAVAILABLE,
            Problem.UNREACHABLE,
        )


@pytest.mark.parametrize(
    ("body", "declared", "problem"),
    [
        (b"", "image/jpeg", Problem.EMPTY),
        (b"<html><script>", "image/jpeg", Problem.TYPE_NOT_ALLOWED),
        (b"<svg xmlns=", "image/svg+xml", Problem.TYPE_NOT_ALLOWED),
        (JPEG, "text/html", Problem.TYPE_MISMATCH),
        (JPEG, "application/octet-stream", Problem.TYPE_MISMATCH),
        (JPEG, "", Problem.TYPE_MISMATCH),
        (b"MZ\x90\x00", "application/pdf", Problem.TYPE_NOT_ALLOWED),
    ],
)
def test_a_file_is_kept_only_as_what_it_begins_like_and_was_served_as(
    body: bytes, declared: str, problem: Problem
) -> None:
    with LyingServer([says(body, Content_Type=declared)]) as server:
        assert problem_of(lambda: local(server).fetch(at(server))) is problem


def test_a_refusal_says_nothing_of_where_the_file_was() -> None:
    with pytest.raises(MediaRefused) as refused:
        SafeFetcher(resolve=Names()).fetch("https://media.example.com/secret?token=abc")

    assert str(refused.value) == "The file cannot be kept."
    assert refused.value.code == "unresolved"


# Each provider -----------------------------------------------------------------------------------


def test_twilios_files_are_asked_of_its_api_and_its_copies_alone() -> None:
    twilio = modules.of("twilio").media_access({"account_sid": "AC1", "auth_token": "t"})

    assert twilio.hosts == twilio.own_hosts == ("api.twilio.com",)
    assert twilio.redirect_hosts == ("*.twiliocdn.com",)
    assert twilio.authorization is not None
    assert twilio.authorization() == "Basic QUMxOnQ="
    fetcher = SafeFetcher(resolve=nobody_is_called)
    assert problem_of(lambda: fetcher.fetch("https://evil.example.net/1", twilio)) is (
        Problem.FORBIDDEN_HOST
    )


def test_another_api_than_twilios_own_has_its_files_too() -> None:
    secret = {"account_sid": "AC1", "auth_token": "t", "base_url": "http://127.0.0.1:8099/x"}

    assert modules.of("twilio").media_access(secret).hosts == ("api.twilio.com", "127.0.0.1")


@pytest.mark.parametrize(
    ("provider", "secret", "own", "authorization"),
    [
        ("aws", {}, (), None),
        ("telnyx", {"api_key": "k"}, (), None),
        ("sinch", {"api_token": "t"}, (), None),
        (
            "plivo",
            {"auth_id": "MA1", "auth_token": "t"},
            ("api.plivo.com", "media.plivo.com"),
            "Basic TUExOnQ=",
        ),
        ("bird", {"access_key": "k"}, ("messaging.messagebird.com",), "AccessKey k"),
    ],
)
def test_other_providers_files_are_asked_for_without_credentials_but_of_their_own_hosts(
    provider: str, secret: dict[str, str], own: tuple[str, ...], authorization: str | None
) -> None:
    given = modules.of(provider).media_access(secret)

    assert (given.hosts, given.own_hosts, given.redirect_hosts) == ((), own, ())
    assert (given.authorization and given.authorization()) == authorization
