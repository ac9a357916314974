//! Reads the recorded requests.

use std::fs;
use std::path::PathBuf;

/// A request as the client sent it, except that the body is not chunked.
#[derive(Debug)]
pub(super) struct Recording {
    /// The request line and the headers, including the blank line after them.
    head: String,
    body: Vec<u8>,
}

impl Recording {
    /// The requests in a folder, in the order in which they were sent.
    pub(super) fn all_in(folder: &str) -> Vec<Self> {
        let files = fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let files = files.map(|file| file.unwrap().path());
        let mut heads: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|name| name == "head")).collect();
        heads.sort();
        assert!(!heads.is_empty(), "{folder} has no requests");
        let read = |head: PathBuf| Self {
            // A request without a body has no `.body` file.
            body: fs::read(head.with_extension("body")).unwrap_or_default(),
            head: fs::read_to_string(head).unwrap(),
        };
        heads.into_iter().map(read).collect()
    }

    /// The method.
    pub(super) fn method(&self) -> &str {
        self.request_line().0
    }

    /// The path, with the query.
    pub(super) fn target(&self) -> &str {
        self.request_line().1
    }

    /// The bytes of the request, with its path and query replaced by `target`.
    pub(super) fn to_bytes(&self, target: &str) -> Vec<u8> {
        let (method, recorded) = self.request_line();
        let rest = &self.head[method.len() + 1 + recorded.len()..];
        let mut bytes = format!("{method} {target}{rest}").into_bytes();
        if self.is_chunked() {
            for chunk in self.body.chunks(16 * 1024) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }

    fn request_line(&self) -> (&str, &str) {
        let (method, rest) = self.head.split_once(' ').unwrap();
        (method, rest.split_once(' ').unwrap().0)
    }

    fn is_chunked(&self) -> bool {
        let mut headers = self.head.lines();
        headers.any(|header| header.eq_ignore_ascii_case("transfer-encoding: chunked"))
    }
}

/// A text file in a folder.
pub(super) fn file(folder: &str, name: &str) -> String {
    let file = path(folder).join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn path(folder: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "captures", folder].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_as_recorded_except_for_its_path() {
        let head = "POST /a?b=c HTTP/1.1\r\nX-Id: 1\r\n\r\n".to_owned();
        let recording = Recording { head, body: b"body".to_vec() };
        assert_eq!((recording.method(), recording.target()), ("POST", "/a?b=c"));
        let sent = recording.to_bytes("/logs/any");
        assert_eq!(sent, b"POST /logs/any HTTP/1.1\r\nX-Id: 1\r\n\r\nbody");
    }

    #[test]
    fn a_body_that_was_chunked_is_chunked_again() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        let recording = Recording { head: head.clone(), body: b"body".to_vec() };
        assert_eq!(recording.to_bytes("/"), (head + "4\r\nbody\r\n0\r\n\r\n").into_bytes());
    }
}
