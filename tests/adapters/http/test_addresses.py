"""Which addresses, names and ports may be contacted; nothing here touches a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.adapters.http.addresses import is_public
from calsync.adapters.http.failures import ForbiddenAddressError
from calsync.adapters.http.guard import Border, SetByOperator, TypedByUser
from calsync.adapters.http.target import joined, origin_of, parse_site, parse_url

TYPED = TypedByUser()


def admit(url: str, *allow_hosts: str) -> None:
    Border(allow_hosts).check(parse_url(url)[0], TYPED)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "me.localhost",
        "printer",
        "nas.local",
        "[::1]",
        "[::]",
        "0.0.0.0",  # noqa: S104  # an address that must be refused
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "127.0.0.0x1",
        "127.0.0.1.1",
        "\u2460\u2461\u2466.0.0.1",
        "127.0.0.\u2460",
        "127\u30020\u30020\u30021",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_H46_loopback_in_any_spelling_is_refused_before_any_packet(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        admit(f"https://{host}/dav/")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "10.1.2.3"]
)
def test_H47_metadata_services_and_private_networks_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(ForbiddenAddressError):
        admit(f"https://{f'[{address}]' if ':' in address else address}/")


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fec0::1",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        "ff02::1",
        "fc00::1",
        "::7f00:1",
        "2001:db8::1",
        "3fff::1",
        "255.255.255.255",
        "224.0.0.1",
        "not an address",
        "",
    ],
)
def test_H48_wrapped_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "192.1.0.1"])
def test_public_addresses_are_public_also_when_translated(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("port", [25, 22, 80, 6379, 8080, 3306])
def test_H52_a_port_that_is_no_calendar_port_is_refused(port: int) -> None:
    with pytest.raises(ForbiddenAddressError, match="operator can allow"):
        admit(f"https://dav.example.com:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@dav.example.com/",
        "https://dav.example.com@127.0.0.1/",
        "https://dav.example.com\\@127.0.0.1/",
        "https://dav.example.com/\\evil",
        "https://dav.example.com/#x",
        "https://dav.example.com#@127.0.0.1/",
        "https://dav.example.com/a b",
        "https://dav.example.com/a\r\nX: y",
        "https://dav.example.com/\x00",
        "https://dav.example.com/\u00e9",
        "https://dav.exa\tmple.com/",
        " https://dav.example.com/",
        "https://dav.example.com../",
        "https://.example.com/",
        "https:///path",
        "https://dav%2eexample.com/",
        "https://dav.example.com:0/",
        "https://dav.example.com:99999/",
        "https://dav.example.com:44x/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://-bad.example.com/",
        "https://dav.example.com/" + "x" * 10_000,
        "https://" + "a" * 64 + ".com/",
        "https://xn--\u00e9.com/",
        "//dav.example.com/",
        "dav.example.com",
    ],
)
def test_H54_an_address_that_two_parsers_could_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError) as caught:
        parse_url(url)

    assert "pw" not in str(caught.value)


def test_H54_an_address_has_one_normal_form() -> None:
    assert origin_of("HTTPS://DAV.Example.com.:443/x") == "https://dav.example.com"
    assert origin_of("https://b\u00fccher.example/") == "https://xn--bcher-kva.example"
    assert origin_of("https://stra\u00dfe.example/") == "https://xn--strae-oqa.example"
    assert origin_of("https://[2606:4700:0::1111]:8443") == "https://[2606:4700::1111]:8443"


def test_the_path_is_sent_exactly_as_it_stands() -> None:
    assert parse_url("https://a.example/x%2Fy//../%7e?q=%20;a|b")[1] == b"/x%2Fy//../%7e?q=%20;a|b"
    assert parse_url("https://a.example?q")[1] == b"/?q"


@pytest.mark.parametrize("url", ["http://dav.example.com/", "file:///etc/passwd", "gopher://x.example/", "ftp://a.b/"])
def test_H55_anything_but_https_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="https"):
        admit(url)


def test_the_operator_lifts_the_address_rule_for_one_origin_and_the_https_rule_apart() -> None:
    admit("https://10.0.0.5:5999/", "10.0.0.5:5999")
    admit("http://localhost:5232/", "http://localhost:5232")
    admit("https://localhost:5232/", "http://localhost:5232")
    admit("https://[::1]:5232/", "[::1]:5232")
    for url in ("http://10.0.0.5:5999/", "https://10.0.0.5/", "https://10.0.0.6:5999/"):
        with pytest.raises(ForbiddenAddressError):
            admit(url, "10.0.0.5:5999")


def test_what_the_operator_set_may_lie_anywhere_over_https() -> None:
    Border().check(parse_url("https://10.0.0.5:9000/")[0], SetByOperator())
    with pytest.raises(ForbiddenAddressError):
        Border().check(parse_url("http://10.0.0.5:9000/")[0], SetByOperator())


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://online3.superoffice.com/", True),
        ("https://a.b.superoffice.com:8443/", True),
        ("https://superoffice.com/", False),
        ("https://evilsuperoffice.com/", False),
        ("https://x.superoffice.com.evil.example/", False),
        ("https://127.0.0.1:7001/", True),
        ("https://127.0.0.1:7002/", False),
        ("https://[fd00::1]:7001/", True),
    ],
)
def test_H34_a_tenant_host_must_match_the_operators_patterns(url: str, fits: bool) -> None:
    guard = SetByOperator(hosts=("*.superoffice.com", "127.0.0.1:7001", "[fd00::1]:7001"))

    if fits:
        Border().check(parse_url(url)[0], guard)
    else:
        with pytest.raises(ForbiddenAddressError):
            Border().check(parse_url(url)[0], guard)


def test_a_location_is_read_at_its_base_without_its_fragment() -> None:
    assert joined("https://a.example/x/y", "../z%2F#top") == "https://a.example/z%2F"
    assert joined("https://a.example/x", "//b.example/") == "https://b.example/"
    with pytest.raises(ForbiddenAddressError):
        joined("https://a.example/x", "https://[bad/")


@given(text=st.text(max_size=40))
def test_H54_no_host_text_whatever_breaks_the_parser(text: str) -> None:
    try:
        site = parse_site("https", text)
    except ForbiddenAddressError:
        return

    assert parse_site("https", site.host_header.decode()) == site
