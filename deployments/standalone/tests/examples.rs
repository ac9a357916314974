//! Every call in the README and in `apiTest.http` gets the response shown there, from a
//! standalone LogPulse or, with `BASE_URL=http://…`, from any deployment.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

#[path = "support/deployment.rs"]
mod deployment;
mod support;

use acceptance::examples::{blocks, called_operations, check_blocks, check_calls};
use deployment::Deployment;
use serde_json::Value;

const README: &str = include_str!("../../../README.md");
const CALLS: &str = include_str!("../../../apiTest.http");
const DOCUMENT: &str = include_str!("../../../openapi/openapi.json");

/// The clients that the README shows, by the language of their code block. `make test-clients` runs
/// them.
const CLIENTS: [(&str, &str); 5] = [
    ("ts", include_str!("../../../openapi/clients/typescript/src/example.ts")),
    ("python", include_str!("../../../openapi/clients/python/example.py")),
    ("go", include_str!("../../../openapi/clients/go/example/main.go")),
    ("rust", include_str!("../../../openapi/clients/rust/examples/example.rs")),
    ("java", include_str!("../../../openapi/clients/java/src/main/java/example/Example.java")),
];

/// The paths that standalone LogPulse serves but nginx does not.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[tokio::test]
async fn readme_calls_get_the_responses_shown() {
    let deployment = Deployment::under_test();
    check_blocks(README, &deployment.url).await.unwrap();
}

#[tokio::test]
async fn api_test_http_calls_get_the_responses_shown() {
    let deployment = Deployment::under_test();
    let calls = check_calls(CALLS, &deployment.url).await.unwrap();
    assert!(calls >= 20, "only {calls} calls");
}

#[test]
fn each_readme_call_shows_its_response() {
    let blocks = blocks(README);
    assert!(blocks.len() >= 5, "only {} blocks", blocks.len());
    for block in blocks {
        assert_eq!(block.calls(), block.expectations(), "{block:?}");
    }
}

#[test]
fn api_test_http_calls_every_documented_operation() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let called = called_operations(CALLS).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (path, operations) in paths.iter().filter(|(path, _)| !PROBES.contains(&path.as_str())) {
        let path = path.replace("{id}", "{{saved.response.body.$.id}}");
        for method in operations.as_object().unwrap().keys() {
            let operation = format!("{} {path}", method.to_uppercase());
            assert!(called.contains(&operation), "{operation} is not called");
        }
    }
}

#[test]
fn the_readme_shows_the_tested_clients() {
    let section = README.split("## Use it from your language").nth(1).unwrap();
    for (language, source) in CLIENTS {
        let lines = source.lines().skip_while(|line| !line.ends_with(" README")).skip(1);
        let shown: Vec<_> = lines.take_while(|line| !["// end", "# end"].contains(line)).collect();
        let block = format!("```{language}\n{}\n```\n", shown.join("\n").trim());
        assert!(section.contains(&block), "the README does not show this example:\n{block}");
    }
}
