//! The jobs that delete entries, in a table next to the entries.

use async_trait::async_trait;
use sqlx::MySql;

use super::{MySqlStore, READ_TIMEOUT, within};
use crate::error::Result;
use crate::log_entry::{EntryId, Timestamp};
use crate::store::job_rows::{self, Row};
use crate::store::{DeleteJob, DeleteJobs};

/// Keeps the job that exists.
const KEEP_JOB: &str = "ON DUPLICATE KEY UPDATE id = delete_jobs.id";

#[async_trait]
impl DeleteJobs for MySqlStore {
    async fn add(&self, job: &DeleteJob, max: usize) -> Result<bool> {
        self.execute(job_rows::prune(job)).await?;
        let insert = job_rows::insert(job, max, KEEP_JOB);
        Ok(self.execute(insert).await? == 1 || DeleteJobs::get(self, job.id).await?.is_some())
    }

    async fn get(&self, id: EntryId) -> Result<Option<DeleteJob>> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let select = sqlx::query_as(job_rows::select()).bind(id.as_bytes().to_vec());
            let row = select.fetch_optional(&mut *pooled.connection).await;
            pooled.release(row)?.map(job_rows::job).transpose()
        })
        .await
    }

    async fn active_since(&self, time: Timestamp) -> Result<Vec<DeleteJob>> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let select = sqlx::query_as::<_, Row>(job_rows::select_active()).bind(time.as_micros());
            let rows = select.fetch_all(&mut *pooled.connection).await;
            pooled.release(rows)?.into_iter().map(job_rows::job).collect()
        })
        .await
    }

    async fn save(&self, job: &mut DeleteJob) -> Result<bool> {
        let is_saved = self.execute(job_rows::update(job)).await? == 1;
        job.version += u64::from(is_saved);
        Ok(is_saved)
    }
}

impl MySqlStore {
    /// Returns the number of rows that the statement affects.
    async fn execute(&self, mut statement: sqlx::QueryBuilder<MySql>) -> Result<u64> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let outcome = statement.build().execute(&mut *pooled.connection).await;
            Ok(pooled.release(outcome)?.rows_affected())
        })
        .await
    }
}
