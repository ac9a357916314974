//! The baselines: poem and tantivy without LogPulse, measured in the same run.

use std::time::Instant;

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Route, Server, handler, http::StatusCode, post};
use tantivy::schema::{FAST, INDEXED, STORED, STRING, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument};

use crate::entries::{Rng, entry};

/// Reads the body and responds immediately.
#[handler]
async fn discard(body: Vec<u8>) -> (StatusCode, String) {
    (StatusCode::CREATED, format!("{{\"bytes\":{}}}", body.len()))
}

/// Serves [`discard`] until the process is killed, and prints the address.
pub(crate) async fn serve() {
    let acceptor =
        TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("failed to bind a free port");
    let address = acceptor.local_addr()[0].to_string();
    eprintln!("ready on http://{}", address.trim_start_matches("socket://"));
    let routes = Route::new().at("/logs/batch", post(discard));
    Server::new_with_acceptor(acceptor).run(routes).await.expect("the baseline server failed");
}

/// Returns how many documents per second bare tantivy indexes, with one thread, the same fields as
/// LogPulse, and a commit every 5,000 documents.
pub(crate) fn tantivy_per_second(entries: usize) -> f64 {
    let folder = tempfile::tempdir().expect("failed to create a temporary directory");
    let mut schema = Schema::builder();
    let text = schema.add_text_field("text", TEXT);
    let service = schema.add_text_field("service_name", STRING);
    let level = schema.add_text_field("level", STRING);
    let id = schema.add_bytes_field("id", INDEXED | FAST);
    let timestamp = schema.add_i64_field("timestamp", INDEXED | FAST);
    let whole = schema.add_bytes_field("entry", STORED);
    let index =
        Index::create_in_dir(folder.path(), schema.build()).expect("failed to create the index");
    let mut writer: IndexWriter =
        index.writer_with_num_threads(1, 50_000_000).expect("failed to create the index writer");
    let mut rng = Rng::new(7);
    let lines: Vec<String> = (0..entries).map(|_| entry(&mut rng)).collect();

    let started = Instant::now();
    for (n, line) in lines.iter().enumerate() {
        let mut document = TantivyDocument::new();
        document.add_text(text, line.split("\"message\":\"").nth(1).unwrap_or(line));
        document.add_text(service, "payment");
        document.add_text(level, "INFO");
        document.add_bytes(id, &(n as u128).to_be_bytes());
        document.add_i64(timestamp, n as i64);
        document.add_bytes(whole, line.as_bytes());
        writer.add_document(document).expect("failed to add a document");
        if n % 5000 == 4999 {
            writer.commit().expect("failed to commit");
        }
    }
    writer.commit().expect("failed to commit");
    entries as f64 / started.elapsed().as_secs_f64()
}
