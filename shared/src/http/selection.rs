//! The entries that match an operation's filters, for operations that aggregate them.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::filters::Filters;
use super::problem::Problem;
use crate::aggregation::{Aggregates, Aggregation};
use crate::error::{Error, Result as PortResult};
use crate::index::{Index, Snapshot};
use crate::query::{Condition, TimeRange};

/// The time for all calls of a request to the index. It is shorter than the proxy's timeout, so that
/// clients receive the problem.
const DEADLINE: Duration = Duration::from_secs(10);

/// The entries that match the filters, as they were when the request began.
pub struct Selection {
    snapshot: Box<dyn Snapshot>,
    /// The condition of the filters, without their range of time.
    condition: Condition,
    deadline: Instant,
}

impl Selection {
    /// Opens a view of the index. This call and all that follow must be complete within 10 s.
    ///
    /// # Errors
    /// When `q` is invalid, or the index is unavailable.
    pub async fn open(index: &dyn Index, filters: &Filters) -> Result<Self, Problem> {
        Self::of_condition(index, filters.condition_at_any_time()?).await
    }

    /// As [`open`](Self::open), with the entries that meet a condition.
    ///
    /// # Errors
    /// When the index is unavailable.
    pub async fn of_condition(index: &dyn Index, condition: Condition) -> Result<Self, Problem> {
        let deadline = Instant::now() + DEADLINE;
        let snapshot = before(deadline, index.snapshot()).await?;
        Ok(Self { snapshot, condition, deadline })
    }

    /// An aggregation of the entries with a timestamp in the range, which need not be that of the
    /// filters. It counts them and nothing else.
    #[must_use]
    pub fn within(&self, time: TimeRange) -> Aggregation {
        Aggregation::of(self.condition.clone().within(time))
    }

    /// Computes the results of an aggregation.
    ///
    /// # Errors
    /// When the index rejects it, is unavailable or does not respond before the deadline.
    pub async fn aggregate(&self, aggregation: &Aggregation) -> PortResult<Aggregates> {
        before(self.deadline, self.snapshot.aggregate(aggregation)).await
    }

    /// Returns the paths of the attributes that have columns, sorted.
    ///
    /// # Errors
    /// When the index is unavailable or does not respond before the deadline.
    pub async fn attributes(&self) -> Result<Vec<String>, Problem> {
        Ok(before(self.deadline, self.snapshot.attributes()).await?)
    }
}

/// Calls the index. It is unavailable if it does not respond before the deadline.
async fn before<T>(deadline: Instant, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    timeout_at(deadline, call).await.map_err(|elapsed| Error::unavailable("index", elapsed))?
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use async_trait::async_trait;
    use tokio::time::sleep;

    use super::*;
    use crate::error::{Ready, Refused};
    use crate::log_entry::{Day, EntryId, LogEntry};
    use crate::retention::Class;
    use crate::search::{SearchHits, SearchQuery};

    /// An index that responds after four seconds.
    struct Slow;

    async fn respond<T: Default>() -> PortResult<T> {
        sleep(Duration::from_secs(4)).await;
        Ok(T::default())
    }

    #[async_trait]
    impl Ready for Slow {
        async fn ready(&self) -> PortResult<()> {
            respond().await
        }
    }

    #[async_trait]
    impl Index for Slow {
        async fn add(&self, _: &[LogEntry]) -> PortResult<Vec<Refused>> {
            respond().await
        }

        async fn delete(&self, _: &Class, _: &[EntryId]) -> PortResult<()> {
            respond().await
        }

        async fn search(&self, _: &SearchQuery) -> PortResult<SearchHits> {
            respond().await
        }

        async fn snapshot(&self) -> PortResult<Box<dyn Snapshot>> {
            respond::<()>().await?;
            Ok(Box::new(Self))
        }

        async fn days(&self, _: &Class) -> PortResult<BTreeSet<Day>> {
            respond().await
        }

        async fn drop_before(&self, _: &Class, _: Day) -> PortResult<()> {
            respond().await
        }
    }

    #[async_trait]
    impl Snapshot for Slow {
        async fn search(&self, _: &SearchQuery) -> PortResult<SearchHits> {
            respond().await
        }

        async fn aggregate(&self, _: &Aggregation) -> PortResult<Aggregates> {
            respond().await
        }

        async fn attributes(&self) -> PortResult<Vec<String>> {
            respond().await
        }
    }

    fn filters() -> Filters {
        Filters {
            text: String::new(),
            fuzzy: false,
            fields: Condition::everything(),
            time: TimeRange::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_calls_of_a_request_share_one_deadline() {
        let selection = Selection::open(&Slow, &filters()).await.unwrap();
        let all = selection.within(TimeRange::default());
        assert_eq!(selection.aggregate(&all).await.unwrap(), Aggregates::default());
        let start = Instant::now();
        let error = selection.aggregate(&all).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "index", .. }), "{error}");
        assert_eq!(selection.attributes().await.unwrap_err().status, 503);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}
