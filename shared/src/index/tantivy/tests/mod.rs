//! The index in a directory: what survives a restart or failure, and which entries are found.

mod columns;
mod costs;
mod texts;

use tempfile::TempDir;

use super::*;
use crate::query::Condition;
use crate::search::Sort;
use crate::testing::entries;

async fn open(directory: &TempDir) -> TantivyIndex {
    let url = format!("tantivy://{}/index", directory.path().display());
    TantivyIndex::open(&url.parse().unwrap()).await.unwrap()
}

fn search(index: &Inner, query: &SearchQuery) -> Result<SearchHits> {
    index.search(&index.reader.searcher(), query, Checks::new(CancellationToken::new()))
}

async fn all_messages(index: &TantivyIndex) -> Vec<String> {
    let query =
        SearchQuery { sort: Sort::Oldest, ..SearchQuery::new(Condition::everything(), 100) };
    let hits = index.search(&query).await.unwrap();
    hits.entries.into_iter().map(|hit| hit.message).collect()
}

#[tokio::test]
async fn entries_survive_reopening_and_the_first_write_still_wins() {
    let directory = TempDir::new().unwrap();
    let mut added = entries(["one", "two"]);
    open(&directory).await.add(&added).await.unwrap();

    let index = open(&directory).await;
    assert_eq!(all_messages(&index).await, ["one", "two"]);
    "changed".clone_into(&mut added[0].message);
    index.add(&added).await.unwrap();
    assert_eq!(all_messages(&index).await, ["one", "two"]);
}

#[tokio::test]
async fn a_failed_batch_can_be_added_once_the_directory_recovers() {
    let directory = TempDir::new().unwrap();
    let (path, moved) = (directory.path().join("index"), directory.path().join("moved"));
    let index = open(&directory).await;
    index.add(&entries(["one"])).await.unwrap();
    let added = entries(["two", "three"]);

    std::fs::rename(&path, &moved).unwrap();
    for _ in 0..2 {
        let error = index.add(&added).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(index.ready().await.is_err());
    }
    assert_eq!(all_messages(&index).await, ["one"]);

    std::fs::rename(&moved, &path).unwrap();
    index.add(&added).await.unwrap();
    assert!(index.ready().await.is_ok());
    assert_eq!(all_messages(&index).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn files_that_an_interrupted_deletion_left_are_replaced() {
    let directory = TempDir::new().unwrap();
    let added = entries(["one", "two"]);
    let index = open(&directory).await;
    index.add(&added).await.unwrap();
    drop(index);
    let opened = tantivy::Index::open_in_dir(directory.path().join("index")).unwrap();
    let segment = opened.searchable_segment_ids().unwrap()[0].uuid_string();
    let last = opened.load_metas().unwrap().opstamp;
    // A deletion writes a file with the number of one of the next operations.
    for operation in last..last + 10 {
        let name = format!("{segment}.{operation}.del");
        drop(opened.directory().open_write(std::path::Path::new(&name)).unwrap());
    }
    drop(opened);

    let index = open(&directory).await;
    index.delete(&Class::DEFAULT, &[added[0].id]).await.unwrap();
    assert_eq!(all_messages(&index).await, ["two"]);
}

#[tokio::test]
async fn small_batches_are_merged_and_still_found() {
    let directory = TempDir::new().unwrap();
    let index = open(&directory).await;
    for _ in 0..40 {
        index.add(&entries(["one"])).await.unwrap();
    }
    assert_eq!(all_messages(&index).await.len(), 40);
    let segments = index.inner.reader.searcher().segment_readers().len();
    assert!(segments < 40, "{segments} segments");
}

#[tokio::test]
async fn an_index_in_another_format_is_rejected() {
    let directory = TempDir::new().unwrap();
    drop(open(&directory).await);
    let version = directory.path().join("index/format_version");
    let url = format!("tantivy://{}/index", directory.path().display());
    for (text, reason) in [("1", "older version"), ("6", "newer version")] {
        std::fs::write(&version, text).unwrap();
        let error = TantivyIndex::open(&url.parse().unwrap()).await.err().unwrap();
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
}

#[tokio::test]
async fn an_index_whose_entries_are_compressed_with_lz4_is_continued() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("index");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("format_version"), "4\n").unwrap();
    let (schema, fields) = Fields::with_schema();
    // Earlier releases used tantivy's default.
    tantivy::Index::builder()
        .schema(schema)
        .register_plugin(Arc::new(WordListPlugin { fields: fields.listed() }))
        .create_in_dir(&path)
        .unwrap();
    for message in ["one", "two"] {
        let index = open(&directory).await;
        index.add(&entries([message])).await.unwrap();
    }
    let index = open(&directory).await;
    assert_eq!(all_messages(&index).await.len(), 2);
    let meta = std::fs::read_to_string(path.join("meta.json")).unwrap();
    assert!(meta.contains("lz4"), "{meta}");
}

#[tokio::test]
async fn a_relative_path_is_rejected() {
    let url = "tantivy:relative".parse().unwrap();
    let error = TantivyIndex::open(&url).await.err().unwrap();
    assert!(error.to_string().contains("INDEX_URL"), "{error}");
}
