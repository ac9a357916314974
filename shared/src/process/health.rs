//! `<function> --health`: a process asks the one that serves beside it whether it can do its work.
//! It is the health check of containers that hold neither a shell nor curl.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

use crate::config::{self, EX_CONFIG, HttpConfig};

/// How long the answer may take: longer than the ports that are asked on its behalf.
const PATIENCE: Duration = Duration::from_secs(4);

/// Exits 0 if `/readyz` on `HOST` and `PORT` answers 200, else 1, and writes why.
pub(super) fn check() -> ExitCode {
    let config = match config::load::<HttpConfig>() {
        Ok(config) => config,
        Err(error) => return fail(EX_CONFIG, &error.to_string()),
    };
    match ask(&config.host, config.port) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(answer) => fail(1, answer.rsplit("\r\n").next().unwrap_or_default()),
        Err(error) => fail(1, &format!("/readyz does not answer: {error}")),
    }
}

/// The whole answer of `/readyz`. A process that listens on every address is met on the loopback
/// one, which is where a connection to 0.0.0.0 or :: leads.
fn ask(host: &str, port: u16) -> io::Result<String> {
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn fail(code: u8, why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What is asked of a listener on every address, and what `ask` makes of its answer.
    fn asked(answer: &'static str) -> (String, String) {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = ask("0.0.0.0", port).unwrap();
        (served.join().unwrap(), answer)
    }

    #[test]
    fn a_process_on_every_address_is_asked_whether_it_is_ready() {
        let (request, answer) = asked("HTTP/1.1 200 OK\r\n\r\n{}");
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
        assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\n{}");
    }

    #[test]
    fn a_process_that_is_not_there_does_not_answer() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(ask("127.0.0.1", port).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
