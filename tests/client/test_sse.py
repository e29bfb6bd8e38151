from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from azuraforge.client.sse import Message, Parser

LINES = st.sampled_from(
    [
        *("data: a", "data:b", "data", "data:  two spaces", "data: ü€😀", "data: x: y"),
        *("event: step", "event:", "id: 7", "id", "id: 8\0", "retry: 10", ": comment", ":", ""),
        *("unknown: z", "Data: no", " data: no", "", "", ""),
    ]
)
STREAMS = st.tuples(
    st.sampled_from(["", "\ufeff"]),
    st.lists(st.tuples(LINES, st.sampled_from("\r \n \r\n".split(" ")))),
).map(lambda parts: parts[0] + "".join(line + end for line, end in parts[1]))


def plainly(stream):
    """The specification's algorithm over the whole stream at once."""
    messages, last_id, data, event = [], "", "", ""
    for line in re.split("\r\n|\r|\n", stream.removeprefix("\ufeff"))[:-1]:
        if line == "":
            if data:
                messages.append(Message(data[:-1], event or "message", last_id))
            data, event = "", ""
        elif not line.startswith(":"):
            name, value = re.fullmatch("([^:]*)(?:: ?(.*))?", line).groups(default="")
            if name == "data":
                data += value + "\n"
            elif name == "event":
                event = value
            elif name == "id" and "\0" not in value:
                last_id = value
    return messages


def parsed(chunks):
    parser = Parser()
    return [message for chunk in chunks for message in parser.feed(chunk)]


@given(STREAMS)
def test_a_stream_means_what_the_specification_says(stream):
    messages = parsed([stream.encode()])

    assert messages == plainly(stream)


@given(STREAMS, st.data())
def test_how_the_bytes_are_cut_does_not_matter(stream, data):
    whole = stream.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))

    messages = parsed(
        whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
    )

    assert messages == plainly(stream)


@given(STREAMS)
def test_a_message_is_told_as_soon_as_its_empty_line_has_begun(stream):
    whole = stream.encode()

    messages = parsed(whole[at : at + 1] for at in range(len(whole)))

    assert messages == plainly(stream)


def test_a_carriage_return_ends_a_message_without_waiting_for_a_line_feed():
    parser = Parser()

    messages = list(parser.feed(b"data: a\r\r"))

    assert messages == [Message("a")]
    assert list(parser.feed(b"\ndata: b\n\n")) == [Message("b")]


def test_a_message_without_its_empty_line_is_not_told():
    assert parsed([b"id: 1\ndata: half\n"]) == []
