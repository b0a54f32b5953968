"""What the router counts, in the form that Prometheus scrapes, on a loopback port of its own.

prometheus-client does the format and the HTTP; it serves from a thread of its own that only reads integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dinrail.ads.numbers import Numbers
from dinrail.ads.transport.tcp import listen_refusal

Source = Callable[[], Numbers]
_GAUGES = frozenset({"open", "links", "peers", "pending", "subscriptions", "handles", "orphans", "upstreams"})
"""What goes up and down; everything else only grows."""


class RouterCollector(Collector):
    """Asks its sources at each scrape: `dinrail_ads_<part>_<name>`."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def add(self, part: str, source: Source) -> None:
        self._sources[part] = source

    def collect(self) -> Iterable[Metric]:
        for part, source in self._sources.items():
            yield from families(part, source())


def families(part: str, numbers: Numbers) -> Iterator[Metric]:
    """One metric family for each number."""
    for name, value in numbers.items():
        title = f"dinrail_ads_{part}_{name}"
        text = f"{part}: {name.replace('_', ' ')}"
        kind = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
        yield kind(title, text, value=value)


def serve(collector: Collector, host: str, port: int) -> Callable[[], None]:
    """Answer scrapes at http://host:port/metrics until the returned function is called. Raises HostError."""
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as fault:
        raise listen_refusal(fault, host, port) from fault

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
