//! A server that imitates OpenSearch's responses.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Starts a server and returns its URL. `respond` receives the method, path and options of a
/// request, e.g. `GET /logs-*?flat_settings=true`, and returns a status and a body.
pub(crate) async fn imitation(respond: impl FnMut(&str) -> (u16, String) + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let respond = Arc::new(Mutex::new(respond));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let respond = Arc::clone(&respond);
            tokio::spawn(async move {
                let mut connection = BufReader::new(connection);
                while let Some(request) = read_request(&mut connection).await {
                    let (status, body) = (*respond.lock().unwrap())(&request);
                    let length = body.len();
                    let response = format!(
                        "HTTP/1.1 {status} Reason\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    connection.write_all(response.as_bytes()).await.unwrap();
                }
            });
        }
    });
    url
}

/// Reads a request and returns its first line without the HTTP version; `None` if the connection is
/// closed.
async fn read_request(connection: &mut BufReader<TcpStream>) -> Option<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
        if line == "\r\n" {
            break;
        }
        lines.push(line);
    }
    let mut lengths = lines.iter().filter_map(|line| line.strip_prefix("content-length: "));
    let length = lengths.next_back().map_or(0, |length| length.trim_end().parse().unwrap());
    connection.read_exact(&mut vec![0; length]).await.ok()?;
    lines[0].strip_suffix(" HTTP/1.1\r\n").map(str::to_owned)
}
