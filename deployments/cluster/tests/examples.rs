//! What the README and `apiTest.http` promise: each call is made, and each status is compared.
//! `BASE_URL` says where: the whole cluster behind nginx (`make test-cluster`).
#![allow(clippy::unwrap_used, reason = "test code: a panic is a failed test")]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use cluster::base_url;
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::Value;

const README: &str = include_str!("../../../README.md");
const CALLS: &str = include_str!("../../../apiTest.http");

/// How long an entry may be on its way to store and index.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call of `apiTest.http`.
#[derive(Debug)]
struct Call {
    title: String,
    name: Option<String>,
    status: StatusCode,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Call {
    /// `text` is what stands between two lines of `###`.
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let title = lines.next().unwrap().trim().to_owned();
        let notes: Vec<&str> = lines.clone().filter_map(|line| line.strip_prefix("# ")).collect();
        let note = |key: &str| notes.iter().find_map(|note| note.strip_prefix(key));
        let status = note("expect ").unwrap_or_else(|| panic!("{title}: no `# expect`"));
        let mut request = lines.by_ref().skip_while(|line| line.starts_with('#'));
        let (method, url) = request.next().unwrap().split_once(' ').unwrap();
        let headers = request.map(|line| line.split_once(": ").unwrap());
        Self {
            status: status[..3].parse().unwrap(),
            name: note("@name ").map(str::to_owned),
            method: method.parse().unwrap(),
            url: url.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: body.trim_end().to_owned(),
            title,
        }
    }

    /// Makes the call, and answers its body if the status is the promised one.
    async fn make(&self, http: &Client, url: &str) -> String {
        let mut request = http.request(self.method.clone(), url).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, self.status, "{}: {} {url}: {body}", self.title, self.method);
        body
    }
}

fn calls() -> Vec<Call> {
    CALLS.split("\n### ").skip(1).map(Call::parse).collect()
}

/// A client that goes where it is told and no further.
fn client() -> Client {
    Client::builder().redirect(Policy::none()).timeout(PATIENCE).build().unwrap()
}

/// The URL of a call: `{{base}}`, and `{{name.response.body.$.field}}` of a call before it. That one
/// is made again until it has the field: what it asks for may be on its way.
async fn url_of(call: &Call, base: &str, named: &HashMap<String, &Call>) -> String {
    let url = call.url.replace("{{base}}", base);
    let Some((before, rest)) = url.split_once("{{") else { return url };
    let (variable, after) = rest.split_once("}}").unwrap();
    let (name, field) = variable.split_once(".response.body.$.").unwrap();
    let source = named[name];
    let started = Instant::now();
    loop {
        let body = source.make(&client(), &source.url.replace("{{base}}", base)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        if let Some(value) = body[field].as_str() {
            return format!("{before}{value}{after}");
        }
        assert!(started.elapsed() < PATIENCE, "{}: no {field} in {body}", source.title);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn every_call_of_the_http_file_is_answered_as_it_says() {
    let Some(base) = base_url(module_path!()) else { return };
    let calls = calls();
    let named = |call: &&Call| call.name.clone();
    let named: HashMap<String, &Call> =
        calls.iter().filter_map(|call| Some((named(&call)?, call))).collect();
    for call in &calls {
        let url = url_of(call, &base, &named).await;
        call.make(&client(), &url).await;
    }
}

#[test]
fn the_http_file_calls_every_path_of_the_document() {
    let document = include_str!("../../../openapi/openapi.json");
    let document: Value = serde_json::from_str(document).unwrap();
    let calls = calls();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // What is for the inside only is called once, to see that it is not there.
        if ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) {
            continue;
        }
        for method in operations.as_object().unwrap().keys() {
            let path = path.replace("{id}", "{{saved.response.body.$.id}}");
            let called = |call: &&Call| {
                call.method.as_str().eq_ignore_ascii_case(method)
                    && call.url.split('?').next() == Some(&format!("{{{{base}}}}{path}"))
            };
            assert!(calls.iter().any(|call| called(&call)), "{method} {path}");
        }
    }
}

/// The shell blocks of the README that make calls.
fn blocks() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|text| text.split("```").next());
    blocks.filter(|block| block.contains("curl ")).collect()
}

/// The statuses that a block promises: comments that begin with one, in the order of the calls.
fn promised(block: &str) -> Vec<&str> {
    let comments = block.lines().filter_map(|line| line.strip_prefix("# "));
    let status = |comment: &&str| {
        comment.len() >= 3
            && comment.as_bytes()[..3].iter().all(u8::is_ascii_digit)
            && comment[3..].chars().next().is_none_or(|next| next == ' ')
    };
    comments.filter(status).map(|comment| &comment[..3]).collect()
}

/// The same block on another address, with an id that is there; its calls tell their statuses only.
fn script(block: &str, base: &str, id: &str) -> String {
    let tell = "curl() { command curl --silent --output /dev/null --write-out '%{http_code}\\n' \"$@\"; }\n";
    let lines = block.lines().map(|line| match line.split_once('=') {
        Some(("URL", _)) => format!("URL={base}\n"),
        Some(("ID", _)) => format!("ID={id}\n"),
        _ => format!("{line}\n"),
    });
    std::iter::once(tell.to_owned()).chain(lines).collect()
}

#[tokio::test]
async fn every_curl_line_of_the_readme_is_answered_as_it_says() {
    let Some(base) = base_url(module_path!()) else { return };
    let calls = calls();
    let save = calls.iter().find(|call| call.name.as_deref() == Some("saved")).unwrap();
    let saved = save.make(&client(), &format!("{base}/logs")).await;
    let saved: Value = serde_json::from_str(&saved).unwrap();
    let id = saved["id"].as_str().unwrap();
    for block in blocks() {
        let script = script(block, &base, id);
        let run = Command::new("sh").args(["-ec", &script]).output().unwrap();
        let told = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success(), "{script}\n{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(told.lines().collect::<Vec<_>>(), promised(block), "{block}");
    }
}

#[test]
fn the_readme_promises_a_status_for_each_of_its_calls() {
    let calls: usize = blocks().iter().map(|block| block.matches("curl ").count()).sum();
    let statuses: usize = blocks().iter().map(|block| promised(block).len()).sum();
    assert!(calls >= 5);
    assert_eq!(calls, statuses);
}
