import json
from datetime import datetime, timedelta, timezone
from io import BytesIO
from uuid import UUID

from logpulse.api.logs import get_log, save_log, save_logs, save_logs_ndjson, search_logs
from logpulse.models import BatchSaved, LogEntry, NewLogEntry, NewLogEntryAttributes, Saved, SearchPage, Sort
from logpulse.types import UNSET, File, Unset
from support import client, unique_word, until

logpulse = client("LOGPULSE_URL")
SERVICE = "payment"


def test_saves_one_entry_and_gets_it() -> None:
    attributes = NewLogEntryAttributes.from_dict({"order": 4711})
    entry = NewLogEntry(service_name=SERVICE, level="error", message="card declined", attributes=attributes)
    saved = save_log.sync(client=logpulse, body=entry)
    assert isinstance(saved, Saved)
    assert saved.message == "Log saved"

    stored = get_log.sync(saved.id, client=logpulse, prefer="wait=10")
    assert isinstance(stored, LogEntry)
    assert (stored.id, stored.service_name, stored.level) == (saved.id, SERVICE, "ERROR")
    assert stored.message == "card declined"
    assert not isinstance(stored.attributes, Unset)
    assert stored.attributes.to_dict() == {"order": 4711}
    assert abs(stored.timestamp - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_saves_a_batch_and_reports_the_bad_entry() -> None:
    version_4 = UUID("936da01f-9abd-4d9d-80c7-02af85c822a8")
    batch = save_logs.sync(
        client=logpulse,
        ids=True,
        body=[
            NewLogEntry(service_name=SERVICE, message="first"),
            NewLogEntry(service_name=SERVICE, message="second", id=version_4),
            NewLogEntry(service_name=SERVICE, message="third"),
        ],
    )
    assert isinstance(batch, BatchSaved)
    assert (batch.accepted, batch.rejected) == (2, 1)
    assert [(error.line, error.detail) for error in batch.errors] == [(2, "id: must be a UUIDv7")]
    assert_ids(batch, [True, False, True])


def test_saves_ndjson() -> None:
    lines = [{"service_name": SERVICE, "message": "first"}, {"service_name": SERVICE}]
    body = BytesIO("\n".join(json.dumps(line) for line in lines).encode())
    batch = save_logs_ndjson.sync(client=logpulse, ids=True, body=File(payload=body))
    assert isinstance(batch, BatchSaved)
    assert (batch.accepted, batch.rejected) == (1, 1)
    assert [(error.line, error.detail) for error in batch.errors] == [(2, "message: is required")]
    assert_ids(batch, [True, False])


def test_searches_by_words_and_two_levels() -> None:
    word = unique_word()
    save([NewLogEntry(service_name=SERVICE, level=level, message=f"{word} {level}") for level in ("error", "warn", "info")])

    def search() -> SearchPage:
        found = search_logs.sync(
            client=logpulse, q=word, level=["ERROR", "WARN"], service_name=[SERVICE], sort=Sort.OLDEST
        )
        assert isinstance(found, SearchPage)
        return found

    page = until(search, lambda page: page.total == 2)
    assert [(entry.level, entry.message) for entry in page.data] == [
        ("ERROR", f"{word} error"),
        ("WARN", f"{word} warn"),
    ]


def test_pages_through_all_hits() -> None:
    word = unique_word()
    save([NewLogEntry(service_name=SERVICE, message=f"{word} {number}") for number in range(1, 6)])

    def search(limit: int = 100, cursor: str | Unset = UNSET) -> SearchPage:
        found = search_logs.sync(client=logpulse, q=word, sort=Sort.OLDEST, limit=limit, cursor=cursor)
        assert isinstance(found, SearchPage)
        return found

    until(search, lambda page: page.total == 5)
    page = search(limit=2)
    pages = [page]
    while page.next_cursor:
        page = search(limit=2, cursor=page.next_cursor)
        pages.append(page)
    assert [[entry.message.removeprefix(f"{word} ") for entry in page.data] for page in pages] == [
        ["1", "2"],
        ["3", "4"],
        ["5"],
    ]


def save(entries: list[NewLogEntry]) -> None:
    batch = save_logs.sync(client=logpulse, body=entries)
    assert isinstance(batch, BatchSaved)
    assert batch.accepted == len(entries)


def assert_ids(batch: BatchSaved, accepted: list[bool]) -> None:
    assert not isinstance(batch.ids, Unset)
    assert [isinstance(id, UUID) for id in batch.ids] == accepted
