//! The page and its files, which the binary contains.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use poem::web::headers::ETag;
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};
use shared::http::StaticFile;

use crate::minify::{minify_script, minify_styles};

/// The page, which refers to the other files.
const PAGE: &str = "index.html";

/// The folder of libraries, which are served unchanged.
const LIBRARIES: &str = "vendor/";

/// The style sheets that the page links, joined.
const STYLES: &str = "styles.css";

/// The number of bytes of the hash that identifies a version of the files.
const HASH_BYTES: usize = 8;

#[derive(Embed)]
#[folder = "page"]
#[exclude = "*.d.ts"]
struct Folder;

/// The page and its files, ready to serve.
pub(crate) struct Files {
    pub(crate) page: StaticFile,
    /// Weak, because the page may be compressed.
    pub(crate) page_etag: Option<ETag>,
    /// The hash of all files, which is part of their URLs.
    hash: String,
    by_path: BTreeMap<String, StaticFile>,
}

impl Files {
    pub(crate) fn embedded() -> Self {
        let mut embedded: BTreeMap<Cow<'static, str>, EmbeddedFile> =
            Folder::iter().filter_map(|path| Folder::get(&path).map(|file| (path, file))).collect();
        let hash = hash(&embedded);
        let page = embedded.remove(PAGE).map(|file| text(&file)).unwrap_or_default();
        let (page, styles) = with_joined_styles(&page, &mut embedded);
        let page = with_preloads(&page, embedded.keys().map(Cow::as_ref));
        let files = embedded.into_iter().map(|(path, file)| {
            let served = to_serve(&path, file);
            (path.into_owned(), served)
        });
        let mut by_path: BTreeMap<String, StaticFile> = files.collect();
        let styles = StaticFile::new("text/css; charset=utf-8", minify_styles(&styles));
        by_path.insert(STYLES.to_owned(), styles);
        Self {
            page: StaticFile::new("text/html; charset=utf-8", with_hash(&page, &hash)),
            page_etag: format!("W/\"{hash}\"").parse().ok(),
            hash,
            by_path,
        }
    }

    /// The file at `path` in the version with this hash.
    pub(crate) fn get(&self, hash: &str, path: &str) -> Option<&StaticFile> {
        if hash == self.hash { self.by_path.get(path) } else { None }
    }
}

fn hash(files: &BTreeMap<Cow<'static, str>, EmbeddedFile>) -> String {
    let mut hasher = Sha256::new();
    for (path, file) in files {
        hasher.update(path.as_bytes());
        hasher.update(file.metadata.sha256_hash());
    }
    // A new version of LogPulse may serve the same files differently.
    hasher.update(shared::VERSION);
    hasher.finalize()[..HASH_BYTES].iter().fold(String::new(), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn to_serve(path: &str, file: EmbeddedFile) -> StaticFile {
    let media_type = file.metadata.mimetype().to_owned();
    if !media_type.starts_with("text/") {
        return StaticFile::new(media_type, bytes(file));
    }
    let content_type = format!("{media_type}; charset=utf-8");
    if path.starts_with(LIBRARIES) {
        return StaticFile::new(content_type, bytes(file));
    }
    StaticFile::new(content_type, minify_script(&text(&file)))
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => read.into(),
    }
}

fn text(file: &EmbeddedFile) -> String {
    String::from_utf8_lossy(&file.data).into_owned()
}

/// Joins the style sheets in the order of their links, because one file compresses better than
/// several. Returns the page with one link, and the styles.
fn with_joined_styles(
    page: &str,
    embedded: &mut BTreeMap<Cow<'static, str>, EmbeddedFile>,
) -> (String, String) {
    let mut joined = String::with_capacity(page.len());
    let mut styles = String::new();
    for line in page.lines() {
        let link = line.trim_start().strip_prefix("<link rel=\"stylesheet\" href=\"explorer/");
        let sheet = link.and_then(|link| embedded.remove(link.trim_end_matches("\">")));
        if let Some(sheet) = sheet {
            styles += &text(&sheet);
        } else {
            joined += line;
            joined.push('\n');
        }
    }
    let link = format!("<link rel=\"stylesheet\" href=\"explorer/{STYLES}\"></head>");
    (joined.replace("</head>", &link), styles)
}

/// Adds a link to each module. The browser loads all of them together, instead of finding them one
/// after another by their imports.
fn with_preloads<'a>(page: &str, paths: impl Iterator<Item = &'a str>) -> String {
    let modules = paths.filter(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == "js"));
    // A script that is not a module is part of the page.
    let modules = modules.filter(|path| !page.contains(&format!("<script src=\"explorer/{path}")));
    let links =
        modules.map(|path| format!("<link rel=\"modulepreload\" href=\"explorer/{path}\">"));
    page.replace("</head>", &(links.collect::<String>() + "</head>"))
}

/// Inserts the hash into the page's references, such as `src="explorer/app.js"`.
fn with_hash(page: &str, hash: &str) -> String {
    page.replace("=\"explorer/", &format!("=\"explorer/{hash}/"))
}
