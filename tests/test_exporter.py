"""The OTLP exporter of OpenTelemetry's own SDK, through deaths of the real server."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Timer

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from benchmarks.board import Board

SPANS, BATCH = 600, 30
FIRST = int(datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9


class Deaths(requests.Session):
    """Connections on which the server dies before, after and during some of the requests."""

    before, after, during = 3, 7, 12

    def __init__(self):
        super().__init__()
        self.process, self.sent, self.lost = None, 0, []

    def request(self, *args, **kwargs):
        """Send a request, if the server lives; an answer may get lost on its way."""
        self.sent += 1
        mine = self.sent
        if mine == self.before:
            self.kill()
        if mine == self.during:
            Timer(0.01, self.kill).start()
        try:
            response = super().request(*args, **kwargs)
        except requests.ConnectionError:
            self.lost.append(mine)
            raise
        if mine == self.after:
            assert response.status_code == 200
            self.kill()
            raise requests.ConnectionError("the answer got lost")
        return response

    def kill(self):
        """End the server and its workers at once, as a power cut does."""
        os.killpg(self.process.pid, signal.SIGKILL)


class Exporter(OTLPSpanExporter):
    """The official exporter, which also keeps what became of each batch."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.results = []

    def export(self, spans):
        """Export, and note the result."""
        self.results.append(super().export(spans))
        return self.results[-1]


@pytest.fixture
def deaths():
    """A session that is closed in the end."""
    with Deaths() as session:
        yield session


def test_every_span_is_counted_once_although_the_server_is_killed_three_times(tmp_path, deaths):
    board = Board(tmp_path, workers=1)
    exporter = Exporter(
        f"http://127.0.0.1:{board.port}/v1/traces",
        headers=board.headers,
        timeout=100,
        compression=Compression.Gzip,
        session=deaths,
    )
    provider = TracerProvider(resource=Resource({"enduser.id": "vera", "project": "checkout"}))
    batches = BatchSpanProcessor(exporter, max_queue_size=SPANS, max_export_batch_size=BATCH)
    provider.add_span_processor(batches)

    with ThreadPoolExecutor(1) as pool:
        with board.running() as deaths.process:
            call(provider)
            flushed = pool.submit(provider.force_flush)
            deaths.process.wait(60)
        for _ in range(2):
            with board.running() as deaths.process:
                deaths.process.wait(60)
        with board.running():
            assert flushed.result(60)
            totals = board.totals("2025-03-01", "2025-03-01")
    provider.shutdown()

    assert exporter.results == [SpanExportResult.SUCCESS] * (SPANS // BATCH)
    assert deaths.lost
    assert deaths.sent > SPANS // BATCH
    assert totals["calls"] == SPANS
    assert totals["prompt_tokens"] == sum(range(SPANS))
    assert totals["completion_tokens"] == SPANS
    assert board.flask("verify").startswith("0 daily rows")


def call(provider):
    """Trace so many model calls, each with tokens of its own."""
    tracer = provider.get_tracer("some.instrumentation")
    for number in range(SPANS):
        start = FIRST + number * 10**9
        span = tracer.start_span("chat gpt-4.1", start_time=start)
        said = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4.1",
            "gen_ai.usage.input_tokens": number,
            "gen_ai.usage.output_tokens": 1,
        }
        span.set_attributes(said)
        span.end(start + 10**9)
