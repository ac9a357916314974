from uuid import UUID

from logpulse.api.logs import get_log, save_log
from logpulse.api.runtime import ping
from logpulse.models import NewLogEntry, Problem
from logpulse.types import Unset
from support import client, until


def test_400_names_the_field() -> None:
    version_4 = UUID("936da01f-9abd-4d9d-80c7-02af85c822a8")
    entry = NewLogEntry(service_name="payment", message="card declined", id=version_4)
    problem = save_log.sync(client=client("LOGPULSE_URL"), body=entry)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.title) == (400, "Bad Request")
    assert not isinstance(problem.errors, Unset)
    assert [(error.field, error.detail) for error in problem.errors] == [("id", "must be a UUIDv7")]


def test_404_is_a_problem() -> None:
    problem = get_log.sync(UUID("00000000-0000-7000-8000-000000000000"), client=client("LOGPULSE_URL"))
    assert isinstance(problem, Problem)
    assert (problem.status, problem.title, problem.type_) == (404, "Not Found", "about:blank")


def test_429_has_retry_after() -> None:
    logpulse = client("LOGPULSE_LIMITED_URL")
    response = until(lambda: ping.sync_detailed(client=logpulse), lambda response: response.status_code == 429)
    assert isinstance(response.parsed, Problem)
    assert (response.parsed.status, response.parsed.title) == (429, "Too Many Requests")
    assert response.headers["Retry-After"] == "1"
