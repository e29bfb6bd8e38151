from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from azuraforge.cli.own_service import answers, own_service
from azuraforge.errors import ServiceError


class Nothing(http.server.BaseHTTPRequestHandler):
    """A server of something else: everything is 404."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def somebody_else() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_somebody_elses_server_is_no_service(somebody_else: str) -> None:
    assert not answers(somebody_else)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "no url", "http://127.0.0.1:port"])
def test_where_nobody_listens_is_no_service(url: str) -> None:
    assert not answers(url)


def test_an_own_service_answers_while_it_is_needed_and_no_longer(tmp_path: Path) -> None:
    with own_service("local", tmp_path) as url:
        during = answers(url)

    assert during
    assert not answers(url)


def test_a_service_that_does_not_start_is_told_with_the_reason(tmp_path: Path) -> None:
    told = pytest.raises(ServiceError, match=r"did not start: .*invalid choice.*serve\.log")

    with told, own_service("dask", tmp_path):
        pass
