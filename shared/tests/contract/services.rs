//! The services behind the cluster's adapters. `make services` starts them. If
//! `LOGPULSE_TEST_SERVICES` is `required`, the tests that use them run. Otherwise, these tests are
//! reported as skipped.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Whether the tests that use the services must run.
pub(crate) fn required() -> bool {
    std::env::var("LOGPULSE_TEST_SERVICES").is_ok_and(|value| value == "required")
}

/// Reports the number of skipped tests. Writes to stderr directly, which the test runner does not
/// capture.
pub(crate) fn report_skipped(suite: &str, count: usize) {
    if !required() {
        let _ = writeln!(
            std::io::stderr(),
            "{suite}: {count} contract tests skipped; `make test-services` runs them"
        );
    }
}

/// The address of a service. `make services` reads the port from the same variable.
pub(crate) fn address(port_variable: &str, default: u16) -> String {
    let port = std::env::var(port_variable).map_or(default, |port| port.parse().unwrap());
    format!("127.0.0.1:{port}")
}

/// A unique name for a topic, a database, an index or a prefix.
pub(crate) fn fresh_name() -> String {
    format!("test_{}", uuid::Uuid::now_v7().simple())
}

/// Sends an HTTP request to `host:port`, and returns the status line, headers and body.
pub(crate) fn http(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}
