//! Replaces the index of a day with the new one.

use std::sync::Arc;

use opensearch::http::StatusCode;
use serde_json::json;

use super::{DayRebuild, classify, listing, write_alias};
use crate::error::Result;
use crate::index::opensearch::day_index::DayIndex;
use crate::index::opensearch::response::Failure;

/// The maximum number of attempts to replace the index. An attempt fails if a consumer creates the
/// day's first index in the meantime.
const MAX_ATTEMPTS: usize = 5;

impl DayRebuild {
    /// Deletes the current index of the day, if there is one, and makes its name an alias of the
    /// new one, in one step. From then on, searches find the new index, and consumers write to it.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when OpenSearch does not respond or is
    /// temporarily unable to replace the index, [`Error::Rejected`](crate::Error::Rejected) when it
    /// refuses to.
    pub async fn replace(&mut self) -> Result<()> {
        self.make_visible().await.map_err(classify)?;
        for _ in 1..MAX_ATTEMPTS {
            match self.try_to_replace().await {
                Err(failure) if is_outdated(&failure) => {}
                replaced => return replaced.map_err(classify),
            }
        }
        self.try_to_replace().await.map_err(classify)
    }

    /// Makes all entries visible to searches, and those that are added later within a second.
    async fn make_visible(&self) -> std::result::Result<(), Failure> {
        self.put_settings(json!({"index.refresh_interval": "1s"})).await?;
        self.refresh().await
    }

    async fn try_to_replace(&mut self) -> std::result::Result<(), Failure> {
        let mut actions = vec![json!({"add": {"index": self.name, "alias": self.alias}})];
        let mut has_replaced = false;
        for (name, index) in listing::indexes(&self.client, &format!("{}*", self.alias)).await? {
            let is_current = name == self.alias || index.aliases.contains(&self.alias);
            if name == self.name {
                has_replaced = is_current;
            } else if is_current {
                actions.push(json!({"remove_index": {"index": name}}));
            }
        }
        if !has_replaced {
            // Fails if another rebuild has removed the alias because it is about to delete the new
            // index.
            actions.push(listing::remove_alias(&self.name, &write_alias(&self.alias)));
        }
        listing::update_aliases(&self.client, &actions).await?;
        self.index = Arc::new(DayIndex { name: self.alias.clone(), ..(*self.index).clone() });
        Ok(())
    }
}

/// Whether the cause may be that the indexes have changed since they were listed.
fn is_outdated(failure: &Failure) -> bool {
    matches!(failure.status(), Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND))
}
