mod support;

use logpulse_client::types::{NewLogEntry, Problem};
use logpulse_client::{Error, ResponseValue};
use support::{VERSION_4, client, entry, until};
use uuid::uuid;

#[tokio::test]
async fn error_400_names_the_field() {
    let body = NewLogEntry { id: Some(VERSION_4), ..entry("card declined") };
    let problem = problem(client("LOGPULSE_URL").save_log().body(body).send().await);
    assert_eq!(problem.status, 400);
    assert_eq!(problem.title, "Bad Request");
    assert_eq!(problem.errors.len(), 1);
    assert_eq!(problem.errors[0].field, "id");
    assert_eq!(problem.errors[0].detail, "must be a UUIDv7");
}

#[tokio::test]
async fn error_404_is_a_problem() {
    let id = uuid!("00000000-0000-7000-8000-000000000000");
    let problem = problem(client("LOGPULSE_URL").get_log().id(id).send().await);
    assert_eq!(problem.status, 404);
    assert_eq!(problem.title, "Not Found");
    assert_eq!(problem.type_, "about:blank");
}

#[tokio::test]
async fn error_429_has_retry_after() {
    let logpulse = client("LOGPULSE_LIMITED_URL");
    let result = until(async || logpulse.ping().send().await, Result::is_err).await;
    let problem = problem(result);
    assert_eq!(problem.status, 429);
    assert_eq!(problem.title, "Too Many Requests");
    assert_eq!(problem.headers()["retry-after"], "1");
}

/// Returns the problem in an error response. Panics on any other result.
fn problem<T: std::fmt::Debug>(result: Result<ResponseValue<T>, Error<Problem>>) -> ResponseValue<Problem> {
    match result {
        Err(Error::ErrorResponse(problem)) => problem,
        other => panic!("not a problem: {other:?}"),
    }
}
