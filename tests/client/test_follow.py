from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.client.follow import DELAYS_S, follow
from azuraforge.errors import NotFoundError, ServiceError
from azuraforge.schema.events import JournalEntry, Telemetry
from tests.api.memory import finished, step

CUT = ServiceError("the line was cut")
ENTRIES = [
    JournalEntry(run="1", seq=number, event=step(number) if number < 12 else finished(at=11))
    for number in range(1, 13)
]
TELEMETRY = Telemetry(step=1, elapsed_s=1.0, samples_per_s=1.0, eta_s=1.0)
TELEMETRY_BYTES = b"event: telemetry\ndata: %b\n\n" % msgspec.json.encode(TELEMETRY)


def written(after):
    """A service's bytes for one who knows the events up to `after`."""
    return (
        b"".join(
            b"id: %d\nevent: x\ndata: %b\n\n" % (entry.seq, msgspec.json.encode(entry))
            for entry in ENTRIES[after:]
        )
        + b"event: end\ndata: {}\n\n"
    )


class Line:
    """Connections of which each passes on so many bytes, then breaks."""

    def __init__(self, lengths=(), *, error=CUT, stream=written):
        self.lengths, self.error, self.stream = list(lengths), error, stream
        self.asked, self.naps = [], []

    @asynccontextmanager
    async def connect(self, after):
        self.asked.append(after)
        yield self.chunks(self.stream(after))

    async def chunks(self, data):
        if not self.lengths:
            yield data
            return
        yield data[: self.lengths.pop(0)]
        if self.error:
            raise self.error

    async def sleep(self, seconds):
        self.naps.append(seconds)

    def follow(self, after=0):
        async def all_of_it():
            return [told async for told in follow(self.connect, after, sleep=self.sleep)]

        return asyncio.run(all_of_it())


@given(st.lists(st.integers(0, len(written(0))), max_size=len(DELAYS_S)), st.booleans())
def test_wherever_the_line_is_cut_each_event_comes_once(lengths, is_cut_politely):
    line = Line(lengths, error=None if is_cut_politely else CUT)

    told = line.follow()

    assert told == ENTRIES


@given(st.integers(0, 12))
def test_only_what_comes_after_is_told(after):
    line = Line([300])

    told = line.follow(after)

    assert told == ENTRIES[after:]
    assert line.asked[0] == after


def test_a_line_that_is_cut_goes_on_after_the_last_event_it_brought():
    two_and_a_half = len(written(0)) - len(written(2)) + 40
    line = Line([two_and_a_half])

    line.follow()

    assert line.asked == [0, 2]
    assert line.naps == [DELAYS_S[0]]


def test_an_event_told_again_is_dropped():
    line = Line([400, 400], stream=lambda after: written(max(after - 1, 0)))

    assert line.follow() == ENTRIES


def test_telemetry_is_told_between():
    line = Line(stream=lambda after: TELEMETRY_BYTES + written(11))

    assert line.follow() == [TELEMETRY, ENTRIES[-1]]


def test_the_sleep_grows_while_nothing_comes_and_begins_anew_when_something_has():
    one = len(written(0)) - len(written(1))
    line = Line([0, 0, 0, one, 0])

    line.follow()

    assert line.naps == [*DELAYS_S[:3], *DELAYS_S[:2]]


def test_a_line_that_never_brings_anything_fails_in_the_end():
    line = Line([0] * 100)

    with pytest.raises(ServiceError, match="cut"):
        line.follow()

    assert line.naps == list(DELAYS_S)


def test_a_service_that_is_not_there_at_first_fails_at_once():
    line = Line()

    @asynccontextmanager
    async def connect(after):
        raise ServiceError("no service")
        yield

    line.connect = connect
    with pytest.raises(ServiceError, match="no service"):
        line.follow()

    assert line.naps == []


def test_an_error_that_trying_again_does_not_mend_is_raised_at_once():
    line = Line([0], error=NotFoundError("no run"))

    with pytest.raises(NotFoundError):
        line.follow()

    assert line.naps == []


def test_an_event_of_a_kind_unknown_here_is_an_error_that_says_so():
    unknown = b'id: 1\ndata: {"run": "1", "seq": 1, "event": {"type": "from-the-future"}}\n\n'
    line = Line(stream=lambda after: unknown)

    with pytest.raises(ServiceError, match="another version"):
        line.follow()
