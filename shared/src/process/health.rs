//! `--health`: checks the readiness of the server on `HOST` and `PORT`.
//! Containers without a shell or curl use it as their health check.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

use crate::config::{self, EX_CONFIG, HttpConfig};

/// How long the server may take to respond. This is longer than the timeout of its readiness
/// checks.
const READINESS_TIMEOUT: Duration = Duration::from_secs(4);

/// Returns exit code 0 if `/readyz` on `HOST` and `PORT` responds with 200. Otherwise writes the
/// reason to stderr and returns 1, or 78 if a setting is invalid.
pub(super) fn check() -> ExitCode {
    let config = match config::load::<HttpConfig>() {
        Ok(config) => config,
        Err(error) => return fail(EX_CONFIG, &error.to_string()),
    };
    match request_readiness(&config.host, config.port) {
        Ok(response) if response.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(response) => fail(1, response.rsplit("\r\n").next().unwrap_or_default()),
        Err(error) => fail(1, &format!("/readyz does not respond: {error}")),
    }
}

/// Returns the complete response from `/readyz`. A server that listens on all addresses (0.0.0.0
/// or ::) is reached through the loopback interface.
fn request_readiness(host: &str, port: u16) -> io::Result<String> {
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, READINESS_TIMEOUT)?;
    stream.set_read_timeout(Some(READINESS_TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn fail(code: u8, reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Serves one request on all addresses. Returns the request and the response as received.
    fn exchange(response: &'static str) -> (String, String) {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let received = request_readiness("0.0.0.0", port).unwrap();
        (server.join().unwrap(), received)
    }

    #[test]
    fn a_server_that_listens_on_all_addresses_is_reached_via_loopback() {
        let (request, response) = exchange("HTTP/1.1 200 OK\r\n\r\n{}");
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
        assert_eq!(response, "HTTP/1.1 200 OK\r\n\r\n{}");
    }

    #[test]
    fn a_server_that_is_down_refuses_the_connection() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = request_readiness("127.0.0.1", port).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
