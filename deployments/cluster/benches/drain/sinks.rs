//! Direct access to both sinks of a cluster.

use std::collections::HashMap;

use cluster::{Cluster, opensearch};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::EntryId;
use sqlx::{Connection, MySqlConnection};

/// The number of documents in a page.
const PAGE_SIZE: usize = 10_000;

/// A cluster's database, and its index for the day on which the backlog arrived.
pub(crate) struct Sinks {
    pub(crate) store_url: String,
    pub(crate) index_url: String,
}

impl Sinks {
    /// The sinks for entries that arrived on the same day as this one.
    pub(crate) fn of(cluster: &Cluster, id: EntryId) -> Self {
        let day = id.time().to_string()[..10].replace('-', ".");
        Self {
            store_url: cluster.setting("STORE_URL").to_owned(),
            index_url: format!("http://{}/{}-{day}", opensearch(), cluster.name()),
        }
    }

    /// All documents by id, as written by the consumer.
    pub(crate) async fn documents(&self) -> HashMap<String, Box<RawValue>> {
        let search = json!({"size": PAGE_SIZE, "sort": ["_doc"]});
        let mut page = page(format!("{}/_search?scroll=1m", self.index_url), &search).await;
        let mut documents = HashMap::new();
        while !page.hits.hits.is_empty() {
            documents.extend(page.hits.hits.into_iter().map(|hit| (hit.id, hit.source)));
            let next = json!({"scroll": "1m", "scroll_id": page.scroll_id});
            page = self::page(format!("http://{}/_search/scroll", opensearch()), &next).await;
        }
        documents
    }

    /// Checks that each sink contains this many entries.
    pub(crate) async fn assert_count(&self, count: usize) {
        let mut table = MySqlConnection::connect(&self.store_url).await.unwrap();
        let rows = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM log_entries");
        assert_eq!(usize::try_from(rows.fetch_one(&mut table).await.unwrap()).unwrap(), count);
        json(format!("{}/_refresh", self.index_url)).await;
        let counted = json(format!("{}/_count", self.index_url)).await;
        assert_eq!(counted["count"], count);
    }
}

/// A page of all documents.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "_scroll_id")]
    scroll_id: String,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source")]
    source: Box<RawValue>,
}

async fn page(url: String, body: &Value) -> Page {
    let response = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    response.error_for_status().unwrap().json().await.unwrap()
}

async fn json(url: String) -> Value {
    reqwest::get(url).await.unwrap().error_for_status().unwrap().json().await.unwrap()
}
