//! Direct access to both sinks of a cluster.

use cluster::{Cluster, opensearch};
use serde_json::Value;
use shared::EntryId;
use sqlx::{Connection, MySqlConnection};

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

    /// The document of an entry.
    pub(crate) async fn document(&self, id: EntryId) -> Value {
        let id = serde_json::to_value(id).unwrap();
        json(format!("{}/_source/{}", self.index_url, id.as_str().unwrap())).await
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

async fn json(url: String) -> Value {
    reqwest::get(url).await.unwrap().error_for_status().unwrap().json().await.unwrap()
}
