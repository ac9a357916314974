//! The response that describes a job. A dry run has the same type, because clients are generated with one type
//! for all successful responses of an operation.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use shared::store::DeleteJob;
use shared::{EntryId, Timestamp};

use crate::filters::SavedFilters;

/// A job that deletes entries by query. A dry run has only `matched`.
#[derive(Debug, Default, Serialize, Object)]
#[oai(rename = "DeleteJob", read_only_all)]
pub(crate) struct Job {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    id: Option<EntryId>,
    /// `running` until every entry has been deleted, then `finished`; `failed` if it cannot continue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    state: Option<State>,
    /// When it was created. Entries that arrive later are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    created: Option<Timestamp>,
    /// The filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    filters: Option<SavedFilters>,
    /// The number of entries that matched when it was created.
    matched: u64,
    /// The number of entries that it has deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    deleted: Option<u64>,
    /// When it finished or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    finished: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    error: Option<String>,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename = "DeleteState", rename_all = "lowercase")]
enum State {
    Running,
    Finished,
    Failed,
}

impl Job {
    /// The result of a dry run.
    pub(crate) fn dry_run(matched: u64) -> Self {
        Self { matched, ..Self::default() }
    }
}

impl From<&DeleteJob> for Job {
    fn from(job: &DeleteJob) -> Self {
        let state = match (job.finished, &job.error) {
            (None, _) => State::Running,
            (Some(_), None) => State::Finished,
            (Some(_), Some(_)) => State::Failed,
        };
        Self {
            id: Some(job.id),
            state: Some(state),
            created: Some(job.created),
            filters: SavedFilters::from_json(&job.filters).ok(),
            matched: job.matched,
            deleted: Some(job.deleted),
            finished: job.finished,
            error: job.error.clone(),
        }
    }
}
