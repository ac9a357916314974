//! The calls in an `.http` file. `# expect 201 {…}` specifies the expected status and body, and
//! `# expect Location: /logs/…` a header.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::Value;

use super::expectation::Expectation;
use crate::TIMEOUT;
use crate::pattern;

/// How long to wait before repeating a call.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// A call and its expected response.
#[derive(Debug)]
struct Call<'a> {
    title: &'a str,
    name: Option<&'a str>,
    expectation: Expectation,
    expected_headers: Vec<(&'a str, &'a str)>,
    method: Method,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

/// Makes all calls in a file against the deployment at `base`, and returns their number.
///
/// # Errors
/// When a response differs from the expectation. The error describes the first one.
pub async fn check_calls(file: &str, base: &str) -> Result<usize, String> {
    let calls = parse(file)?;
    let http = Client::builder().redirect(Policy::none()).timeout(TIMEOUT).build().unwrap();
    let mut bodies: HashMap<&str, Value> = HashMap::new();
    for call in &calls {
        let url = fill_in(call.url, base, &bodies);
        let body = call.check(&http, &url).await?;
        if let Some(name) = call.name {
            bodies.insert(name, serde_json::from_str(&body).unwrap());
        }
    }
    Ok(calls.len())
}

/// Returns the method and the path of each call in a file, for example `GET /logs/search`.
///
/// # Errors
/// When a call cannot be parsed.
pub fn called_operations(file: &str) -> Result<Vec<String>, String> {
    let calls = parse(file)?.into_iter().map(|call| {
        let path = call.url.trim_start_matches("{{base}}").split('?').next().unwrap_or_default();
        format!("{} {path}", call.method)
    });
    Ok(calls.collect())
}

fn parse(file: &str) -> Result<Vec<Call<'_>>, String> {
    file.split("\n### ").skip(1).map(Call::parse).collect()
}

/// Replaces `{{base}}` with the base URL, and `{{name.response.body.$.field}}` with a field of an
/// earlier response.
fn fill_in(url: &str, base: &str, bodies: &HashMap<&str, Value>) -> String {
    let url = url.replace("{{base}}", base);
    let Some((before, after)) = url.split_once("{{") else { return url };
    let (variable, after) = after.split_once("}}").unwrap();
    let (name, field) = variable.split_once(".response.body.$.").unwrap();
    format!("{before}{}{after}", bodies[name][field].as_str().unwrap())
}

impl<'a> Call<'a> {
    /// Parses the text after `### `, up to the next call.
    fn parse(text: &'a str) -> Result<Self, String> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let title = lines.next().unwrap().trim();
        let comments = lines.clone().filter_map(|line| line.strip_prefix("# "));
        let (mut name, mut expectation, mut expected_headers) = (None, None, Vec::new());
        for comment in comments {
            if let Some(text) = comment.strip_prefix("@name ") {
                name = Some(text);
            } else if let Some(expected) = comment.strip_prefix("expect ") {
                match Expectation::parse(expected) {
                    Some(parsed) => {
                        expectation = Some(parsed.map_err(|e| format!("{title}: {e}"))?);
                    }
                    None => expected_headers.push(header(expected)),
                }
            }
        }
        let mut request = lines.skip_while(|line| line.starts_with('#'));
        let (method, url) = request.next().and_then(|line| line.split_once(' ')).unwrap();
        Ok(Self {
            title,
            name,
            expectation: expectation.ok_or_else(|| format!("{title}: no `# expect STATUS`"))?,
            expected_headers,
            method: method.parse().unwrap(),
            url,
            headers: request.map(header).collect(),
            body: body.trim_end(),
        })
    }

    /// Makes the call and returns the body of the response. Until the timeout, repeats the call if
    /// it is rate-limited. Also repeats a GET that gets 404, or the expected status with another
    /// body, because the entry may not be indexed yet.
    async fn check(&self, http: &Client, url: &str) -> Result<String, String> {
        let started = Instant::now();
        loop {
            let (status, result) = self.try_once(http, url).await;
            let may_be_outdated = self.method == Method::GET
                && (status == StatusCode::NOT_FOUND || status.as_u16() == self.expectation.status);
            let retry = may_be_outdated || status == StatusCode::TOO_MANY_REQUESTS;
            match result {
                Err(_) if retry && started.elapsed() < TIMEOUT => {}
                result => {
                    return result.map_err(|error| {
                        format!("{}: {} {url}: {error}", self.title, self.method)
                    });
                }
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn try_once(&self, http: &Client, url: &str) -> (StatusCode, Result<String, String>) {
        let mut request = http.request(self.method.clone(), url).body(self.body.to_owned());
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.unwrap();
        let result = self.expectation.check(status.as_u16(), &body).and_then(|()| {
            for (name, expected) in &self.expected_headers {
                let value = headers.get(*name).map(|value| value.to_str().unwrap());
                let value = value.ok_or_else(|| format!("no header {name}"))?;
                pattern::compare(&(*expected).into(), &value.into())
                    .map_err(|difference| format!("{name}: {difference}"))?;
            }
            Ok(body)
        });
        (status, result)
    }
}

fn header(line: &str) -> (&str, &str) {
    line.split_once(": ").unwrap_or_else(|| panic!("{line}: expected `Name: value`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_parsed_with_its_expectations() {
        let text = "Save\n# @name saved\n# expect 201 {\"id\":\"…\"}\n# expect Location: /logs/…\n\
                    POST {{base}}/logs\nContent-Type: application/json\n\n{\"a\": 1}\n";
        let call = Call::parse(text).unwrap();
        assert_eq!((call.title, call.name), ("Save", Some("saved")));
        assert_eq!((call.method, call.url), (Method::POST, "{{base}}/logs"));
        assert_eq!(call.expected_headers, [("Location", "/logs/…")]);
        assert_eq!(call.headers, [("Content-Type", "application/json")]);
        assert_eq!(call.body, "{\"a\": 1}");
    }

    #[test]
    fn a_call_without_an_expectation_is_rejected() {
        let error = Call::parse("Save\nPOST {{base}}/logs\n").unwrap_err();
        assert_eq!(error, "Save: no `# expect STATUS`");
    }

    #[test]
    fn operations_are_listed_without_base_url_and_query() {
        let file = "@base = http://a\n\n### Find\n# expect 200\nGET {{base}}/logs/search?q=a\n";
        assert_eq!(called_operations(file), Ok(vec!["GET /logs/search".to_owned()]));
    }

    #[test]
    fn a_url_is_filled_in_from_an_earlier_response() {
        let bodies = HashMap::from([("saved", serde_json::json!({"id": "17"}))]);
        let url = fill_in("{{base}}/logs/{{saved.response.body.$.id}}?a", "http://a", &bodies);
        assert_eq!(url, "http://a/logs/17?a");
    }
}
