//! The baselines: poem and tantivy without LogPulse, measured in the same run.

use std::collections::BTreeMap;
use std::time::Instant;

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Route, Server, handler, http::StatusCode, post};
use serde::Deserialize;
use serde_json::Value;
use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, JsonObjectOptions, STORED, Schema, TEXT,
    TextFieldIndexing, TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::tokenizer::{LowerCaser, NgramTokenizer, TextAnalyzer};
use tantivy::{Index, IndexSettings, IndexWriter, TantivyDocument};

const FRAGMENTS: &str = "fragments";

/// The memory of each indexing thread in bytes.
const MEMORY_PER_THREAD: usize = 100_000_000;

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

/// Returns how many entries per second bare tantivy indexes with a thread for each core, with the
/// fields of LogPulse's index: words, all fragments of three characters, attributes and columns.
/// Parsing the entries is not included, and neither is merging segments after the commit.
pub(crate) fn tantivy_per_second(lines: &[String]) -> f64 {
    let fields = Fields::new();
    let folder = tempfile::tempdir().expect("failed to create a temporary directory");
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor::default()),
        ..IndexSettings::default()
    };
    let index = Index::builder().schema(fields.schema.clone()).settings(settings);
    let index = index.create_in_dir(folder.path()).expect("failed to create the index");
    let fragments = NgramTokenizer::all_ngrams(3, 3).expect("failed to create the tokenizer");
    let fragments = TextAnalyzer::builder(fragments).filter(LowerCaser).build();
    index.tokenizers().register(FRAGMENTS, fragments);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut writer: IndexWriter = index
        .writer_with_num_threads(threads, MEMORY_PER_THREAD * threads)
        .expect("failed to create the index writer");
    let entries: Vec<Entry> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("failed to parse an entry"))
        .collect();

    let started = Instant::now();
    for (number, (entry, line)) in (0..).zip(entries.iter().zip(lines)) {
        writer
            .add_document(fields.document(number, entry, line))
            .expect("failed to add a document");
    }
    writer.commit().expect("failed to commit");
    lines.len() as f64 / started.elapsed().as_secs_f64()
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "service")]
    service_name: String,
    #[serde(default)]
    level: String,
    message: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

/// The fields of LogPulse's index, except those that are empty in all entries of the benchmark.
struct Fields {
    schema: Schema,
    entry: Field,
    words: Field,
    fragments: Field,
    service_name: Field,
    level: Field,
    pattern: Field,
    attributes: Field,
    strings: Field,
    part: Field,
    timestamp: Field,
    id_high: Field,
    id_low: Field,
}

impl Fields {
    fn new() -> Self {
        let mut schema = Schema::builder();
        let keyword = BytesOptions::default().set_indexed();
        let column = keyword.clone().set_fast();
        let fragments = TextFieldIndexing::default()
            .set_tokenizer(FRAGMENTS)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let fragments = TextOptions::default().set_indexing_options(fragments);
        Self {
            entry: schema.add_text_field("entry", STORED),
            words: schema.add_text_field("words", TEXT),
            fragments: schema.add_text_field("fragments", fragments),
            service_name: schema.add_bytes_field("service_name", column.clone()),
            level: schema.add_bytes_field("level", column.clone()),
            pattern: schema.add_bytes_field("pattern", column),
            attributes: schema.add_bytes_field("attributes", keyword.clone()),
            strings: schema.add_json_field("str", JsonObjectOptions::default().set_fast("raw")),
            part: schema.add_bytes_field("part", keyword),
            timestamp: schema.add_u64_field("timestamp", FAST),
            id_high: schema.add_u64_field("id_high", FAST | INDEXED),
            id_low: schema.add_u64_field("id_low", FAST),
            schema: schema.build(),
        }
    }

    fn document(&self, number: u64, entry: &Entry, line: &str) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.entry, line);
        document.add_text(self.words, &entry.message);
        document.add_text(self.fragments, &entry.message);
        document.add_bytes(self.service_name, entry.service_name.as_bytes());
        document.add_bytes(self.level, entry.level.as_bytes());
        // There are about as many patterns as pairs of a service and a level.
        let pattern = format!("{} {}", entry.service_name, entry.level);
        document.add_bytes(self.pattern, pattern.as_bytes());
        for (path, value) in &entry.attributes {
            document.add_bytes(self.attributes, format!("{path}={value}").as_bytes());
        }
        let strings =
            entry.attributes.iter().map(|(path, value)| (path.clone(), value.clone().into()));
        document.add_object(self.strings, strings.collect());
        document.add_bytes(self.part, b"default 2024-06-01");
        document.add_u64(self.timestamp, number);
        document.add_u64(self.id_high, number >> 10);
        document.add_u64(self.id_low, number);
        document
    }
}
