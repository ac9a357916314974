//! Drops the days of each class that are no longer kept, from the store and the index.
//! `today, RETENTION --> first day of each class -- store.drop_before, then index.drop_before`

mod gauges;
mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shared::error::Result;
use shared::http::Function;
use shared::index::Index;
use shared::log_entry::Day;
use shared::retention::{Class, Part, Retention};
use shared::store::{Store, StoredDay};
use shared::telemetry::{RETENTION_METRICS, start_counters};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use gauges::Gauges;
use plan::Plan;

/// The pause between runs. A day is dropped at most this long after midnight.
pub const INTERVAL: Duration = Duration::from_mins(1);

/// Keeps the entries of a store and its index for as long as the setting says.
pub struct Keeper {
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    setting: Option<Retention>,
}

impl Keeper {
    /// A keeper of this store, and of the index that is derived from it. Without a setting, the
    /// store decides how long entries are kept.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, index: Arc<dyn Index>, setting: Option<Retention>) -> Self {
        start_counters(&RETENTION_METRICS);
        Self { store, index, setting }
    }

    /// The function to serve, which has health checks and metrics but no API.
    #[must_use]
    pub fn function(&self) -> Function {
        Function::without_api("retention")
            .requires("store", self.store.clone())
            .requires("index", self.index.clone())
    }

    /// Runs every minute until `stop` is cancelled. `today` reads the clock.
    pub async fn run(&self, today: impl Fn() -> Day, stop: &CancellationToken) {
        let mut gauges = Gauges::default();
        let mut announced = None;
        while !stop.is_cancelled() {
            let today = today();
            match self.run_once(today).await {
                Ok(plan) => {
                    gauges.show(&plan);
                    if announced.replace(today) != Some(today) {
                        plan.announce(today, self.setting.is_some());
                    }
                }
                Err(error) => {
                    metrics::counter!("retention_failures_total").increment(1);
                    tracing::warn!(%error, "failed to drop days; retrying in a minute");
                }
            }
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Drops the days that are no longer kept on `today`, and returns what is kept. It can be
    /// repeated at any time.
    ///
    /// # Errors
    /// [`Error::Unavailable`](shared::Error::Unavailable) when the store or the index does not
    /// respond. The days that it did not reach are dropped by the next run.
    pub async fn run_once(&self, today: Day) -> Result<Plan> {
        let retention = self.retention().await?;
        self.store.prepare(today).await?;
        let stored = self.store.days().await?;
        let mut plan = Plan::new(retention);
        // Also those of which the store has no entries yet, so that it refuses those of earlier days.
        let mut classes = BTreeSet::from_iter(self.store.classes().await?);
        classes.extend(plan.retention.classes().map(|(class, _)| class.clone()));
        for class in classes {
            let days = stored.iter().filter(|one| one.class == class).cloned().collect();
            let first = plan.retention.keep(&class).and_then(|keep| keep.first_day(today));
            let (stored, indexed) = self.drop_expired(&class, days, first).await?;
            plan.add(&class, stored, &indexed, today);
        }
        if self.index.is_rebuilding() {
            plan.differences.clear();
        }
        if let Err(error) = self.index.merge_past(today).await {
            tracing::warn!(%error, "failed to merge the index of a past day; retrying in a minute");
        }
        Ok(plan)
    }

    /// Drops the day that would be dropped next, to free space. Returns it, or `None` if nothing may
    /// be dropped: today is kept, and what is kept forever.
    ///
    /// # Errors
    /// [`Error::Unavailable`](shared::Error::Unavailable) when the store does not respond.
    pub async fn drop_next(&self, today: Day) -> Result<Option<Part>> {
        let retention = self.retention().await?;
        let last_day = |one: &StoredDay| retention.keep(&one.class)?.last_day(one.day);
        let days = self.store.days().await?.into_iter().filter(|one| one.day < today);
        let days = days.filter_map(|one| Some((last_day(&one)?, one.day, one.class)));
        let Some((until, day, class)) = days.min() else { return Ok(None) };
        tracing::warn!(%class, %day, %until, "dropping a day early, because too little of the disk is free");
        self.store.drop_before(&class, day.next()).await?;
        metrics::counter!("retention_early_drops_total").increment(1);
        if let Err(error) = self.index.drop_before(&class, day.next()).await {
            tracing::warn!(%error, %class, %day, "the day is still in the index; the next run drops it");
        }
        Ok(Some(Part { day, class }))
    }

    async fn retention(&self) -> Result<Retention> {
        match &self.setting {
            Some(setting) => Ok(setting.clone()),
            None => Ok(Retention::new(self.store.default_keep().await?)),
        }
    }

    /// Drops the days of the class before `first`. Returns those that the store and the index keep.
    ///
    /// They are dropped from the store first: once it refuses entries of these days, no further ones
    /// reach the index, except those that the consumer is writing now. It removes them again.
    async fn drop_expired(
        &self,
        class: &Class,
        stored: Vec<StoredDay>,
        first: Option<Day>,
    ) -> Result<(Vec<StoredDay>, BTreeSet<Day>)> {
        let dropped = self.store.first_days().await?.get(class).copied();
        // With a longer duration than before, more days have been dropped than it says.
        let first = first.max(dropped);
        let is_kept = |day: Day| first.is_none_or(|first| first <= day);
        let (kept, expired): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|one| is_kept(one.day));
        // A day that the store refuses but still has was left by a run that was interrupted.
        if let Some(first) = first
            && (dropped != Some(first) || !expired.is_empty())
        {
            self.store.drop_before(class, first).await?;
        }
        for StoredDay { day, entries, bytes, .. } in expired {
            tracing::info!(%class, %day, entries, bytes, "dropped a day");
            metrics::counter!("retention_drops_total").increment(1);
        }
        let mut indexed = self.index.days(class).await?;
        if let (Some(first), Some(oldest)) = (first, indexed.first())
            && *oldest < first
        {
            self.index.drop_before(class, first).await?;
            indexed.retain(|day| is_kept(*day));
        }
        Ok((kept, indexed))
    }
}
