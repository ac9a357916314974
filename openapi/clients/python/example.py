# README
import os
from uuid import UUID

from logpulse import Client
from logpulse.api.logs import get_log, save_log, search_logs
from logpulse.models import NewLogEntry, NewLogEntryAttributes, Problem, Saved, SearchPage

client = Client(os.environ.get("LOGPULSE_URL", "http://127.0.0.1:8080"))

attributes = NewLogEntryAttributes.from_dict({"order": 4711})
entry = NewLogEntry(service_name="payment", level="ERROR", message="card declined", attributes=attributes)
saved = save_log.sync(client=client, body=entry)
if isinstance(saved, Saved):
    print("saved", saved.id)

found = search_logs.sync(client=client, q="card declined", level=["ERROR", "FATAL"])
if isinstance(found, SearchPage):
    print("found", found.total)

missing = get_log.sync(UUID("00000000-0000-7000-8000-000000000000"), client=client)
if isinstance(missing, Problem):
    print(missing.status, missing.detail)
# end
