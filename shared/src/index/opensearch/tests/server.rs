//! An index on a real OpenSearch server.

use std::time::{Duration, Instant};

use opensearch::indices::{
    IndicesCreateParts, IndicesDeleteIndexTemplateParts, IndicesDeleteParts,
};
use serde_json::json;
use url::Url;

use super::super::OpenSearchIndex;
use crate::error::Result;
use crate::index::Index;
use crate::log_entry::{EntryId, LogEntry};
use crate::query::Condition;
use crate::search::{SearchHits, SearchQuery, Sort};

/// Whether the tests that need services must run.
pub(super) fn is_required() -> bool {
    std::env::var("LOGPULSE_TEST_SERVICES").is_ok_and(|value| value == "required")
}

/// An index with entries. Dropping it deletes its indexes and template, unless the test failed.
pub(super) struct Filled {
    pub(super) index: OpenSearchIndex,
    pub(super) entries: Vec<LogEntry>,
    pub(super) url: Url,
    runtime: tokio::runtime::Runtime,
}

impl Filled {
    /// Adds entries to a new index with these additional options, and waits until they are visible.
    pub(super) fn new(options: &str, entries: Vec<LogEntry>) -> Self {
        let port = std::env::var("OPENSEARCH_PORT").unwrap_or_else(|_| "9200".to_owned());
        let prefix = format!("test_{}-", uuid::Uuid::now_v7().simple());
        let url = format!("http://127.0.0.1:{port}/?prefix={prefix}{options}");
        let url: Url = url.parse().unwrap();
        let index = OpenSearchIndex::open(&url).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let filled = Self { index, entries, url, runtime };
        for batch in filled.entries.chunks(100) {
            assert_eq!(filled.run(filled.index.add(batch)).unwrap(), []);
        }
        filled.wait_for_total(filled.entries.len() as u64);
        filled
    }

    /// Waits until this many entries are visible.
    pub(super) fn wait_for_total(&self, total: u64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.search(&Condition::everything()).unwrap().total != total {
            assert!(Instant::now() < deadline, "the entries are not visible");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn search(&self, condition: &Condition) -> Result<SearchHits> {
        let query = SearchQuery { sort: Sort::Oldest, ..SearchQuery::new(condition.clone(), 2000) };
        self.run(self.index.search(&query))
    }

    /// The ids of the hits, sorted.
    pub(super) fn found(&self, condition: &Condition) -> Vec<EntryId> {
        let hits = self.search(condition).unwrap();
        let mut found: Vec<EntryId> = hits.entries.iter().map(|hit| hit.id).collect();
        assert_eq!((hits.total, hits.total_is_exact), (found.len() as u64, true));
        found.sort_unstable();
        found
    }

    pub(super) fn delete_indexes(&self) {
        let pattern = self.index.indexes.pattern();
        let patterns = [pattern.as_str()];
        let delete = IndicesDeleteParts::Index(&patterns);
        self.run(self.index.client.indices().delete(delete).send()).unwrap();
    }

    /// Creates a day's index as the previous release did.
    pub(super) fn create_index_of_earlier_release(&self, day: &str) {
        let name = self.index.indexes.pattern().replace('*', day);
        let create = self.index.client.indices();
        let create = create.create(IndicesCreateParts::Index(&name)).body(json!({"mappings": {
            "dynamic": false,
            "properties": {
                "id": {"type": "keyword", "index": false},
                "timestamp": {"type": "date", "format": "strict_date_optional_time"},
                "timestamp_micros": {"type": "long"},
                "level": {"type": "keyword", "copy_to": "text"},
                "service_name": {"type": "keyword", "copy_to": "text"},
                "message": {"type": "text", "index": false, "copy_to": "text"},
                "text": {"type": "text"},
                "attributes": {"type": "flat_object"},
                "attributes_json": {"type": "keyword", "index": false, "doc_values": false},
                "trace_id": {"type": "keyword"},
                "span_id": {"type": "keyword"},
            },
        }}));
        let response = self.run(create.send()).unwrap();
        assert!(response.status_code().is_success(), "{response:?}");
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.delete_indexes();
        let pattern = self.index.indexes.pattern();
        let template = pattern.trim_end_matches("-*");
        let delete = IndicesDeleteIndexTemplateParts::Name(template);
        drop(self.run(self.index.client.indices().delete_index_template(delete).send()));
    }
}
