//! Every call of the README and of `apiTest.http` gets the response that is shown there: from a
//! standalone LogPulse, or with `BASE_URL=http://…` from any deployment.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is a failed test")]

#[path = "support/deployment.rs"]
mod deployment;
mod support;

use acceptance::examples::{blocks, check_blocks, check_calls};
use deployment::Deployment;

const README: &str = include_str!("../../../README.md");
const CALLS: &str = include_str!("../../../apiTest.http");

#[tokio::test]
async fn the_readme_shows_the_responses_that_its_calls_get() {
    let deployment = Deployment::under_test();
    check_blocks(README, &deployment.url).await.unwrap();
}

#[tokio::test]
async fn api_test_http_shows_the_responses_that_its_calls_get() {
    let deployment = Deployment::under_test();
    let calls = check_calls(CALLS, &deployment.url).await.unwrap();
    assert!(calls >= 20, "{calls} calls");
}

#[test]
fn each_block_of_the_readme_shows_a_response_or_waits() {
    let blocks = blocks(README);
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for block in blocks {
        assert!(block.expectations() >= 1 || block.waits(), "{block:?}");
    }
}
