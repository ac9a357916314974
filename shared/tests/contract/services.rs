//! The services that adapters of the cluster are tested on: `make services` starts them.
//! Their tests run with `LOGPULSE_TEST_SERVICES=required`; without, they say that they did not.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Whether the services must be there.
pub(crate) fn required() -> bool {
    std::env::var("LOGPULSE_TEST_SERVICES").is_ok_and(|value| value == "required")
}

/// Tells a person how many tests did not run, past the test runner's capture.
pub(crate) fn say_left_out(suite: &str, count: usize) {
    if !required() {
        let _ = writeln!(
            std::io::stderr(),
            "{suite}: {count} contract tests left out; `make test-services` runs them"
        );
    }
}

/// Where `make services` puts a service, which reads the same variable.
pub(crate) fn address(port: &str, default: u16) -> String {
    let port = std::env::var(port).map_or(default, |port| port.parse().unwrap());
    format!("127.0.0.1:{port}")
}

/// A name that no other test has: of a topic, a database, an index, a prefix.
pub(crate) fn fresh_name() -> String {
    format!("test_{}", uuid::Uuid::now_v7().simple())
}

/// Asks a service that speaks HTTP, by its `host:port`; answers status line, headers and body.
pub(crate) fn http(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}
