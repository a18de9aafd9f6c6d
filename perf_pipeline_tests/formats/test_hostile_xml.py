"""XML that means harm is refused by a typed error, quickly and in little memory."""

from __future__ import annotations

import tracemalloc

import pytest

from perf_pipeline.formats import reading, xml_safety
from perf_pipeline.formats.model import CorruptFileError, FormatError, HostileFileError

POINT = '<trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt>'
BOMB = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


def gpx(inner: str = POINT) -> str:
    return f"<gpx><trk><trkseg>{inner}</trkseg></trk></gpx>"


@pytest.mark.parametrize(
    "doctype", [BOMB, OUTSIDE, "<!DOCTYPE gpx>", '<!DOCTYPE gpx SYSTEM "http://example.org/x.dtd">']
)
@pytest.mark.parametrize("head", ["", '<?xml version="1.0"?>', "<!-- a > b --> <?p x?>", "\n  "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_doctype_is_refused_in_every_encoding_before_parsing(doctype: str, head: str, encoding: str) -> None:
    data = (head + doctype + gpx()).encode(encoding)
    for reader in (reading.read, reading.identify):
        with pytest.raises(HostileFileError):
            reader(data)


def test_a_doctype_cannot_hide_in_an_encoding_that_the_prolog_scan_does_not_read() -> None:
    hidden = "+ADwAIQ-DOCTYPE gpx+AD4-"
    data = b'<?xml version="1.0" encoding="utf-7"?>' + hidden.encode() + gpx().encode()
    with pytest.raises(FormatError):
        reading.read(data, fallback=False)


def test_an_undeclared_entity_is_lost_and_the_file_says_so() -> None:
    file = reading.read(gpx(POINT + "&boom;" + POINT).encode(), fallback=False)
    assert file.partial


def test_nesting_past_the_bound_ends_the_reading() -> None:
    deep = "<a>" * 100_000
    with pytest.raises(FormatError):
        reading.read(("<gpx>" + deep).encode(), fallback=False)


@pytest.mark.parametrize("field", ["<ele>{}</ele>", "<hr>{}</hr>", "<time>{}</time>"])
def test_a_number_of_megabytes_is_no_number(field: str) -> None:
    huge = "9" * 5_000_000
    data = gpx(POINT.replace("</trkpt>", field.format(huge) + "</trkpt>") + POINT).encode()
    session = reading.read(data, fallback=False).sessions[0]
    assert set(session.streams.channels) == {"latitude_degrees", "longitude_degrees"}


def test_a_text_node_past_libxml2s_bound_loses_what_follows_and_says_so() -> None:
    data = gpx(POINT + f"<name>{'9' * 20_000_000}</name>" + POINT).encode()
    file = reading.read(data, fallback=False)
    assert (file.partial, len(file.sessions[0].streams)) == (True, 1)


def test_too_many_elements_are_refused_before_a_tree_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_safety, "MAX_MARKS", 1000)
    tracemalloc.start()
    with pytest.raises(HostileFileError):
        reading.read(b"<gpx>" + b"<a/>" * 1000 + b"</gpx>")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_more_bytes_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_safety, "MAX_BYTES", 100)
    with pytest.raises(HostileFileError):
        reading.read(gpx().encode())


def test_many_points_in_one_name_of_many_are_bounded() -> None:
    # Every tag has a name of its own: the fast way must not take a step for each pair of them.
    inner = "".join(f"<n{i}>1</n{i}>" for i in range(20_000))
    file = reading.read(gpx(POINT.replace("</trkpt>", inner + "</trkpt>")).encode(), fallback=False)
    assert len(file.sessions[0].streams) == 1


def test_points_inside_of_points_do_not_multiply() -> None:
    nested = '<trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time>' * 200 + "</trkpt>" * 200
    assert len(reading.read(gpx(nested).encode(), fallback=False).sessions[0].streams) == 200


def test_a_colon_without_a_name_behind_it_is_survived() -> None:
    assert reading.read(gpx("<x:></x:>" + POINT).encode(), fallback=False).sessions


def test_the_error_says_the_line_and_nothing_of_the_contents() -> None:
    with pytest.raises(CorruptFileError) as caught:
        reading.read(b"<gpx>\n<secret name", fallback=False)
    assert "secret" not in str(caught.value)


def test_a_break_right_after_an_entity_is_survived() -> None:
    file = reading.read(b"<gpx><wpt lat='1' lon='2'><name>&x;</name></wpt><gpx>&x;</name></wpt><gpx>&x;")
    assert (file.partial, file.sessions) == (True, ())


def test_entities_that_multiply_are_refused_in_utf_16_before_they_do() -> None:
    words = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    data = f'<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a0 "lol">{words}]>{gpx("&a9;")}'.encode("utf-16")
    with pytest.raises(HostileFileError):
        reading.read(data)


def test_an_offset_that_no_clock_has_makes_no_time() -> None:
    odd = POINT.replace("00:00:00Z", "00:00:00+99:99")
    file = reading.read(gpx(odd + odd.replace("00:00+", "00:01+") + POINT).encode(), fallback=False)
    assert (len(file.sessions[0].streams), file.sessions[0].utc_offset_seconds) == (1, None)
