import json
from datetime import datetime, timezone
from uuid import UUID

import pytest
from httpx import Timeout
from logpulse.api.logs import (
    export_entries,
    get_log_context,
    get_log_stats,
    list_log_fields,
    list_log_patterns,
    save_logs,
    search_logs,
    tail_logs,
)
from logpulse.models import (
    BatchSaved,
    ExportFormat,
    ExportOrder,
    FieldList,
    FieldType,
    LogContext,
    NewLogEntry,
    NewLogEntryAttributes,
    PatternList,
    SearchPage,
    Stats,
)
from logpulse.types import Unset
from support import client, unique_word, until

logpulse = client("LOGPULSE_URL")
SERVICE = unique_word()
FROM, TO = "2024-06-14T12:00:00Z", "2024-06-14T12:03:00Z"


@pytest.fixture(scope="module", autouse=True)
def ids() -> list[UUID]:
    """Saves three orders, none of them in the second of the three minutes. Returns their ids."""
    orders = [order(1, "info", 0, 10, 10.0), order(2, "error", 0, 20, 30.0), order(3, "info", 2, 0, 20.0)]
    batch = save_logs.sync(client=logpulse, ids=True, body=orders)
    assert isinstance(batch, BatchSaved) and not isinstance(batch.ids, Unset)

    def search() -> SearchPage:
        page = search_logs.sync(client=logpulse, service_name=[SERVICE], from_=FROM, to=TO)
        assert isinstance(page, SearchPage)
        return page

    assert until(search, lambda page: page.total == 3).total == 3
    return [id for id in batch.ids if id is not None]


def order(number: int, level: str, minute: int, second: int, ms: float) -> NewLogEntry:
    return NewLogEntry(
        service_name=SERVICE,
        level=level,
        message=f"order {number} paid",
        timestamp=datetime(2024, 6, 14, 12, minute, second, tzinfo=timezone.utc),
        attributes=NewLogEntryAttributes.from_dict({"ms": ms}),
    )


def test_measures_the_average_per_minute_and_level() -> None:
    stats = get_log_stats.sync(
        client=logpulse,
        service_name=[SERVICE],
        from_=FROM,
        to=TO,
        interval="1m",
        measure="avg:attributes.ms",
        by="level",
        top=["level"],
    )
    assert isinstance(stats, Stats)
    assert stats.total == 3
    assert [start.minute for start in stats.buckets] == [0, 1, 2]
    values: list[list[float | None]] = [series.values for series in stats.series]
    assert values == [[10, None, 20], [30, None, None]]
    assert [series.total for series in stats.series] == [15, 30]
    assert [series.by["level"] for series in stats.series if series.by] == ["INFO", "ERROR"]
    assert not isinstance(stats.top, Unset)
    assert [(top.value, top.count) for top in stats.top["level"].values] == [("INFO", 2), ("ERROR", 1)]


def test_groups_entries_by_pattern() -> None:
    found = list_log_patterns.sync(client=logpulse, service_name=[SERVICE], from_=FROM, to=TO)
    assert isinstance(found, PatternList)
    (pattern,) = found.patterns
    assert (pattern.template, pattern.count) == ("order <number> paid", 3)
    assert (len(pattern.sparkline), sum(pattern.sparkline)) == (30, 3)


def test_lists_fields_with_their_values() -> None:
    found = list_log_fields.sync(client=logpulse, service_name=[SERVICE], from_=FROM, to=TO, values=1)
    assert isinstance(found, FieldList)
    assert [(field.name, field.types, field.share) for field in found.fields] == [
        ("level", [FieldType.STRING], 1),
        ("service_name", [FieldType.STRING], 1),
        ("attributes.ms", [FieldType.NUMBER], 1),
    ]
    values = [(value.value, value.count) for field in found.fields for value in field.values]
    assert values == [("INFO", 2), (SERVICE, 3), ("10", 1)]


def test_gets_the_entries_before_and_after_an_entry(ids: list[UUID]) -> None:
    context = get_log_context.sync(ids[1], client=logpulse, before=1, after=1)
    assert isinstance(context, LogContext)
    assert context.position == 1
    assert [entry.id for entry in context.data] == ids


def test_exports_ndjson_and_csv(ids: list[UUID]) -> None:
    ndjson = export_entries.sync(client=logpulse, service_name=[SERVICE], from_=FROM, to=TO, sort=ExportOrder.OLDEST)
    assert isinstance(ndjson, str)
    assert [json.loads(line)["id"] for line in ndjson.splitlines()] == [str(id) for id in ids]

    csv = export_entries.sync(client=logpulse, service_name=[SERVICE], from_=FROM, to=TO, format_=ExportFormat.CSV)
    assert isinstance(csv, str)
    header, *rows = csv.splitlines()
    assert header == "id,timestamp,level,service_name,message,trace_id,span_id,attributes"
    assert len(rows) == 3


def test_tails_the_saved_entries(ids: list[UUID]) -> None:
    ndjson = client("LOGPULSE_URL").with_headers({"Accept": "application/x-ndjson"}).with_timeout(Timeout(5))
    text = tail_logs.sync(client=ndjson, service_name=[SERVICE], from_="-5m", limit=len(ids))
    assert isinstance(text, str)
    *lines, end = text.strip().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(id) for id in ids]
    assert end == '{"event":"end","reason":"limit"}'
