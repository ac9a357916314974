//! The jobs that delete entries, in a table of the catalogue. They use connections of their own.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, QueryBuilder, Sqlite, SqlitePool};
use tokio::sync::Mutex;
use url::Url;

use super::catalogue::TABLES;
use super::entry_file::classify;
use crate::config::url_options::UrlOptions;
use crate::error::{Ready, Result};
use crate::log_entry::{EntryId, Timestamp};
use crate::sqlite::{self, Writer};
use crate::store::job_rows::{self, Row};
use crate::store::{DeleteJob, DeleteJobs, VARIABLE};

/// Opens the jobs of the store at `sqlite:///path/to/file`.
pub(in crate::store) async fn open(url: &Url) -> anyhow::Result<Arc<dyn DeleteJobs>> {
    UrlOptions::parse(VARIABLE, url, &[])?;
    let (writer, readers) = sqlite::open(VARIABLE, url, &TABLES).await?;
    Ok(Arc::new(SqliteJobs { writer: Mutex::new(writer), readers }))
}

struct SqliteJobs {
    writer: Mutex<Writer>,
    readers: SqlitePool,
}

impl SqliteJobs {
    /// Executes the statements in one transaction. Returns the number of rows that the last one
    /// affects.
    async fn execute<const N: usize>(&self, statements: [QueryBuilder<Sqlite>; N]) -> Result<u64> {
        let mut writer = self.writer.lock().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let begin = connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begin.map_err(classify)?;
        let mut rows = 0;
        for mut statement in statements {
            let outcome = statement.build().execute(&mut *transaction).await;
            rows = outcome.map_err(classify)?.rows_affected();
        }
        transaction.commit().await.map_err(classify)?;
        writer.put_back(connection);
        Ok(rows)
    }
}

#[async_trait]
impl Ready for SqliteJobs {
    async fn ready(&self) -> Result<()> {
        let row = sqlx::query("SELECT 1 FROM delete_jobs LIMIT 1");
        row.fetch_optional(&self.readers).await.map_err(classify)?;
        Ok(())
    }
}

#[async_trait]
impl DeleteJobs for SqliteJobs {
    async fn add(&self, job: &DeleteJob, max: usize) -> Result<bool> {
        let insert = job_rows::insert(job, max, "ON CONFLICT (id) DO NOTHING");
        let is_inserted = self.execute([job_rows::prune(job), insert]).await? == 1;
        Ok(is_inserted || self.get(job.id).await?.is_some())
    }

    async fn get(&self, id: EntryId) -> Result<Option<DeleteJob>> {
        let select = sqlx::query_as(job_rows::select()).bind(id.as_bytes().to_vec());
        let row = select.fetch_optional(&self.readers).await.map_err(classify)?;
        row.map(job_rows::job).transpose()
    }

    async fn active_since(&self, time: Timestamp) -> Result<Vec<DeleteJob>> {
        let select = sqlx::query_as::<_, Row>(job_rows::select_active()).bind(time.as_micros());
        let rows = select.fetch_all(&self.readers).await.map_err(classify)?;
        rows.into_iter().map(job_rows::job).collect()
    }

    async fn save(&self, job: &mut DeleteJob) -> Result<bool> {
        let is_saved = self.execute([job_rows::update(job)]).await? == 1;
        job.version += u64::from(is_saved);
        Ok(is_saved)
    }
}
