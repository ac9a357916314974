//! What the store knows about its classes and about the rows of earlier releases. It is in the file
//! that the store's URL names, and in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};

use anyhow::Context;
use sqlx::SqliteExecutor;
use sqlx::migrate::Migrator;
use url::Url;

use super::super::{IdRange, VARIABLE};
use super::entry_file::{EntryFile, classify};
use crate::error::Result;
use crate::log_entry::Day;
use crate::retention::{Class, Keep};
use crate::sqlite;

pub(crate) static TABLES: Migrator = sqlx::migrate!("migrations/sqlite/store");

/// The classes, each with the first day that is kept if days have been dropped.
pub(super) type Classes = BTreeMap<Class, Option<Day>>;

/// The days of which earlier releases wrote the rows of the default class, up to the last one. These
/// days own new rows too, until they are moved to files.
///
/// A reader of these rows holds the `Arc`: they are deleted once there is no reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    /// The first day that has not been moved.
    pub(super) first: Day,
    /// The day of the last row when the store was opened.
    pub(super) last: Day,
}

impl Earlier {
    pub(super) fn has(&self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// The catalogue. Changes are durable before they are visible.
pub(super) struct Catalogue {
    path: PathBuf,
    file: Arc<EntryFile>,
    state: RwLock<State>,
}

struct State {
    classes: Classes,
    /// Rows of earlier days have been moved.
    first_unmoved: Day,
    earlier: Option<Arc<Earlier>>,
    /// What reads may still use.
    retired: Vec<Weak<Earlier>>,
}

impl Catalogue {
    /// Opens the file at `url`, creating it if necessary.
    pub(super) async fn open(url: &Url) -> anyhow::Result<Self> {
        let path = sqlite::path(VARIABLE, url)?;
        let (writer, readers) = sqlite::open(VARIABLE, url, &TABLES).await?;
        let file = EntryFile::earlier(writer, readers);
        let opening = || format!("reading {}", path.display());
        let classes = read_classes(file.readers()).await.with_context(opening)?;
        let first_unmoved = "SELECT first_day FROM earlier_entries";
        let first_unmoved: String = sqlx::query_scalar(first_unmoved)
            .fetch_one(file.readers())
            .await
            .with_context(opening)?;
        let first_unmoved = parse_day(&first_unmoved).with_context(opening)?;
        let last = file.last_row(IdRange::ALL.bounds()).await?.map(Day::of);
        let last = last.filter(|last| first_unmoved <= *last);
        let earlier = last.map(|last| Arc::new(Earlier { first: first_unmoved, last }));
        let state = State { classes, first_unmoved, earlier, retired: Vec::new() };
        Ok(Self { path, file: Arc::new(file), state: RwLock::new(state) })
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, which has the rows of earlier releases.
    pub(super) fn file(&self) -> &Arc<EntryFile> {
        &self.file
    }

    /// The classes that have been added, and the default.
    pub(super) fn classes(&self) -> Classes {
        self.read().classes.clone()
    }

    /// Whether the day of the class has been dropped.
    pub(super) fn is_dropped(&self, class: &Class, day: Day) -> bool {
        self.first_day(class).is_some_and(|first| day < first)
    }

    /// The first day of the class that is kept, if days have been dropped.
    pub(super) fn first_day(&self, class: &Class) -> Option<Day> {
        self.read().classes.get(class).copied().flatten()
    }

    /// How long entries are kept without the setting.
    pub(super) async fn default_keep(&self) -> Result<Keep> {
        let select = "SELECT default_days FROM retention_classes WHERE name = ''";
        let days: Option<u32> =
            sqlx::query_scalar(select).fetch_one(self.file.readers()).await.map_err(classify)?;
        Ok(days.map_or(Keep::Forever, Keep::Days))
    }

    /// A class of which entries of the day have been dropped.
    pub(super) async fn dropped(&self, day: Day) -> Result<Option<Class>> {
        let select = "SELECT rule FROM retention_dropped_days JOIN retention_classes USING (name)
                      WHERE day = ? ORDER BY name LIMIT 1";
        let rule = sqlx::query_scalar::<_, Option<String>>(select).bind(day.to_string());
        let rule = rule.fetch_optional(self.file.readers()).await.map_err(classify)?;
        Ok(rule.and_then(|rule| rule.map_or(Some(Class::DEFAULT), |rule| Class::new(&rule))))
    }

    /// Records that the entries of the day are dropped.
    pub(super) async fn set_dropped(&self, class: &Class, day: Day) -> Result<()> {
        self.execute(
            "INSERT INTO retention_dropped_days (day, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [Some(day.to_string()), Some(class.storage_name())],
        )
        .await
    }

    /// The days of earlier releases that have not been moved.
    pub(super) fn earlier(&self) -> Option<Arc<Earlier>> {
        self.read().earlier.clone()
    }

    /// The first day whose rows of earlier releases have not been moved.
    pub(super) fn first_unmoved(&self) -> Day {
        self.read().first_unmoved
    }

    /// Whether a read may still use rows that have been moved.
    pub(super) fn has_earlier_reads(&self) -> bool {
        self.read().retired.iter().any(|retired| retired.strong_count() > 0)
    }

    /// Adds the class, unless it exists.
    pub(super) async fn add_class(&self, class: &Class) -> Result<()> {
        if self.read().classes.contains_key(class) {
            return Ok(());
        }
        self.execute(
            "INSERT INTO retention_classes (name, rule) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [Some(class.storage_name()), class.condition().map(str::to_owned)],
        )
        .await?;
        self.change(|state| state.classes.insert(class.clone(), None));
        Ok(())
    }

    /// Records that the days of the class before `first` have been dropped.
    pub(super) async fn set_first_day(&self, class: &Class, first: Day) -> Result<()> {
        self.add_class(class).await?;
        if self.first_day(class).is_some_and(|current| first <= current) {
            return Ok(());
        }
        self.execute(
            "UPDATE retention_classes SET first_day = ? WHERE name = ?",
            [Some(first.to_string()), Some(class.storage_name())],
        )
        .await?;
        self.change(|state| state.classes.insert(class.clone(), Some(first)));
        Ok(())
    }

    /// Records that the rows of earlier releases have been moved up to the day before `first`.
    pub(super) async fn set_first_unmoved(&self, first: Day) -> Result<()> {
        let update = "UPDATE earlier_entries SET first_day = ?";
        self.execute(update, [Some(first.to_string())]).await?;
        self.change(|state| {
            state.first_unmoved = first;
            if let Some(moved) = state.earlier.take() {
                let last = moved.last;
                state.retired.retain(|retired| retired.strong_count() > 0);
                state.retired.push(Arc::downgrade(&moved));
                state.earlier = (first <= last).then(|| Arc::new(Earlier { first, last }));
            }
        });
        Ok(())
    }

    /// Reserves the space to record that a day is dropped: when the disk is full, that is what frees
    /// space.
    pub(super) async fn reserve(&self) -> Result<()> {
        let mut writer = self.file.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        sqlite::reserve(&mut connection, &self.path).await.map_err(classify)?;
        writer.put_back(connection);
        Ok(())
    }

    async fn execute<const N: usize>(
        &self,
        sql: &'static str,
        values: [Option<String>; N],
    ) -> Result<()> {
        let mut writer = self.file.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        // On a full disk, this fails if the file must grow. The log may have space nevertheless.
        if let Err(error) = sqlite::restart(&mut connection).await {
            tracing::debug!(%error, "failed to restart the write-ahead log");
        }
        let mut query = sqlx::query(sql);
        for value in values {
            query = query.bind(value);
        }
        query.execute(&mut connection).await.map_err(classify)?;
        writer.put_back(connection);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn read_classes(file: impl SqliteExecutor<'_>) -> anyhow::Result<Classes> {
    let select = "SELECT rule, first_day FROM retention_classes";
    let rows: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as(select).fetch_all(file).await?;
    let mut classes = Classes::new();
    for (rule, first_day) in rows {
        let class = match rule {
            Some(rule) => Class::new(&rule).with_context(|| format!("the rule {rule:?}"))?,
            None => Class::DEFAULT,
        };
        classes.insert(class, first_day.as_deref().map(parse_day).transpose()?);
    }
    classes.entry(Class::DEFAULT).or_default();
    Ok(classes)
}

fn parse_day(text: &str) -> anyhow::Result<Day> {
    text.parse().map_err(|problem| anyhow::anyhow!("the day {text:?} {problem}"))
}
