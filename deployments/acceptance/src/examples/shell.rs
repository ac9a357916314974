//! The shell blocks in a Markdown document. They run in order in one shell, as if pasted; only the
//! address is replaced. A comment that begins with a status shows the response to the preceding
//! call.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::expectation::Expectation;

/// The address that the documents use.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// How long all blocks in a document may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Shell functions that save the body and status of the last call, and copy them for each
/// expectation.
const FUNCTIONS: &str = r#"
curl() {
  command curl "$@" --write-out '%{stderr}%{http_code}' >"$CALLS/body" 2>"$CALLS/status"
  code=$?
  cat "$CALLS/body"
  return $code
}
expectation() {
  cp "$CALLS/body" "$CALLS/body.$1"
  cp "$CALLS/status" "$CALLS/status.$1"
}
"#;

/// A shell block that calls LogPulse.
#[derive(Debug)]
pub struct Block<'a> {
    text: &'a str,
}

impl Block<'_> {
    /// The number of calls that print their response. Calls in `until` loops and in `$(curl …)` are
    /// not counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        let prints = |line: &&str| !line.starts_with('#') && !line.starts_with("until ");
        let commands = self.text.lines().filter(prints);
        commands.map(|line| line.replace("$(curl ", "").matches("curl ").count()).sum()
    }

    /// The number of responses that the block shows.
    #[must_use]
    pub fn expectations(&self) -> usize {
        self.text.lines().filter_map(expectation_of).count()
    }
}

/// Returns the shell blocks in a document that call LogPulse.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let blocks = markdown.split("```sh\n").skip(1).filter_map(|text| text.split("```").next());
    blocks.filter(|text| text.contains("curl ")).map(|text| Block { text }).collect()
}

/// Runs all blocks in a document against the deployment at `base`.
///
/// # Errors
/// When a command fails, or a response differs from the expectation. The error describes the first
/// failure.
pub async fn check_blocks(markdown: &str, base: &str) -> Result<(), String> {
    let text: String = blocks(markdown).iter().map(|block| block.text).collect();
    let text = text.replace(ADDRESS, base);
    let (script, expectations) = instrument(&text);
    let folder = std::env::temp_dir().join(crate::unique("examples"));
    fs::create_dir_all(&folder).unwrap();
    let result = match run(&script, &folder).await {
        Ok(()) => check_expectations(&expectations, &folder),
        Err(error) => Err(error),
    };
    fs::remove_dir_all(&folder).unwrap();
    result
}

/// Replaces each expectation with a command that copies the preceding response.
fn instrument(text: &str) -> (String, Vec<&str>) {
    let mut script = FUNCTIONS.to_owned();
    let mut expectations = Vec::new();
    for line in text.lines() {
        match expectation_of(line) {
            Some(expectation) => {
                let number = expectations.len().to_string();
                script.extend(["expectation ", &number, "\n"]);
                expectations.push(expectation);
            }
            None => script.extend([line, "\n"]),
        }
    }
    (script, expectations)
}

fn expectation_of(line: &str) -> Option<&str> {
    line.strip_prefix("# ").filter(|comment| Expectation::parse(comment).is_some())
}

async fn run(script: &str, folder: &Path) -> Result<(), String> {
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).env("CALLS", folder);
    let running = shell.stdin(Stdio::null()).kill_on_drop(true).output();
    let Ok(output) = tokio::time::timeout(TIMEOUT, running).await else {
        return Err(format!("the blocks did not finish within {TIMEOUT:?}"));
    };
    let output = output.unwrap();
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let curl = fs::read_to_string(folder.join("status")).unwrap_or_default();
    Err(format!("{}: {stderr}\nlast call: {curl}", output.status))
}

fn check_expectations(expectations: &[&str], folder: &Path) -> Result<(), String> {
    for (n, text) in expectations.iter().enumerate() {
        let read = |name: &str| fs::read_to_string(folder.join(format!("{name}.{n}"))).unwrap();
        let (status, body) = (read("status"), read("body"));
        // Any error messages from curl precede the status.
        let status = status[status.len() - 3..].parse().unwrap();
        let expectation = Expectation::parse(text).unwrap()?;
        expectation
            .check(status, without_head(&body))
            .map_err(|error| format!("# {text}\n{error}"))?;
    }
    Ok(())
}

/// The body of a response, without the head that `curl -i` prints.
fn without_head(response: &str) -> &str {
    match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/") => body,
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that returns the path of each request.
    fn echo_server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let body = format!("{{\"path\":\"{}\"}}", request.split(' ').nth(1).unwrap());
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        format!("http://{address}")
    }

    fn document(commands: &str) -> String {
        format!("Text.\n\n```sh\n{commands}\n```\n\n```sh\nmake run\n```\n")
    }

    #[tokio::test]
    async fn blocks_run_in_one_shell_and_share_variables() {
        let first = "ID=$(curl -s http://127.0.0.1:8080/a | grep -o '/a')\n# 200 {\"path\":\"/a\"}";
        let second = "until curl -si http://127.0.0.1:8080$ID/b | grep -q b; do sleep 1; done\n\
                      # 200 {\"path\":\"/a/b\"}";
        let document = document(first) + &document(second);
        assert_eq!(check_blocks(&document, &echo_server()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_failed_command_or_unexpected_response_is_an_error() {
        for (commands, expected) in [
            (
                "curl -s http://127.0.0.1:8080/a\n# 200 {\"path\":\"/b\"}",
                r#"$.path: expected "/b""#,
            ),
            ("curl -s http://127.0.0.1:8080/a\n# 201", "expected status 201, got 200"),
            ("curl -s http://127.0.0.1:8080/a\n# 200 {path}", "key must be a string"),
            ("curl -s http://127.0.0.1:8080/a | grep b\n# 200", "exit status: 1"),
        ] {
            let error = check_blocks(&document(commands), &echo_server()).await.unwrap_err();
            assert!(error.contains(expected), "{commands}: {error}");
        }
    }

    #[test]
    fn calls_and_expectations_are_counted() {
        let calls = "# curl it\nID=$(curl -s http://a)\nuntil curl -s http://a; do sleep 1; done\n\
                     curl -s http://127.0.0.1:8080/a\n# 200 {}\n# more";
        let text = document(calls);
        let blocks = blocks(&text);
        assert_eq!(blocks.len(), 1);
        assert_eq!((blocks[0].calls(), blocks[0].expectations()), (1, 1));
    }
}
