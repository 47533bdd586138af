//! Search in a tantivy index, on disk or in memory.
//!
//! The index is derived data: one that is damaged, or of another version, is emptied with a warning
//! and its cursor says that it must be filled again. Its log position is part of each commit.

mod collect;
mod schema;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use cartwright_app::ports::search::{
    SEARCH_LIMIT_MAX, Search, SearchChange, SearchFault, SearchPage, SearchQuery, SearchSort,
};
use parking_lot::{Mutex, RwLock};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError, Term};

use self::collect::Page;
use self::schema::Fields;
use super::cursor::Cursor;
use super::ranking::{Plan, QueryText, effective_sort};

/// The smallest heap that tantivy accepts; a batch needs far less.
const WRITER_HEAP_BYTES: usize = 15_000_000;
/// Segments are rewritten when this part of their products has been replaced.
const DELETED_BEFORE_MERGE: f32 = 0.3;

/// A tantivy index with its reader and, while changes come, its writer.
pub struct TantivySearch {
    /// `None` keeps the index in memory.
    directory: Option<PathBuf>,
    open: RwLock<Open>,
    /// Also the lock that lets one change at a time through. `None` until the first change and
    /// after a rest.
    writer: Mutex<Option<IndexWriter>>,
}

struct Open {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    cursor: u64,
}

impl TantivySearch {
    /// Opens the index in `directory`, which is created when missing. An index that cannot be used
    /// is emptied, see [`Search::cursor`].
    ///
    /// Only one process may write to a directory.
    ///
    /// # Errors
    /// [`SearchFault::Index`] when the directory cannot be read or written.
    pub fn open(directory: &Path) -> Result<Self, SearchFault> {
        let open = match open_existing(directory) {
            Ok(Some(open)) => open,
            Ok(None) => create(Some(directory))?,
            Err(reason) => {
                tracing::warn!(
                    directory = %directory.display(),
                    reason,
                    "the search index cannot be used; it is emptied and will be filled again"
                );
                create(Some(directory))?
            }
        };
        Ok(Self::with(Some(directory.to_owned()), open))
    }

    /// An empty index that lives as long as this value.
    ///
    /// # Errors
    /// [`SearchFault::Index`] when memory or threads are lacking.
    pub fn in_memory() -> Result<Self, SearchFault> {
        Ok(Self::with(None, create(None)?))
    }

    fn with(directory: Option<PathBuf>, open: Open) -> Self {
        Self {
            directory,
            open: RwLock::new(open),
            writer: Mutex::new(None),
        }
    }
}

impl Search for TantivySearch {
    fn query(&self, query: &SearchQuery) -> Result<SearchPage, SearchFault> {
        let (searcher, fields) = {
            let open = self.open.read();
            (open.reader.searcher(), open.fields)
        };
        let text = QueryText::parse(&query.q);
        let after = Cursor::of(query)?;
        let plan = match (&after, &text) {
            (Some(cursor), _) => cursor.plan,
            (None, Some(text)) => text::choose_plan(fields, &searcher, text).map_err(fault)?,
            (None, None) => Plan::default(),
        };
        let limit = query.limit.min(SEARCH_LIMIT_MAX);
        let sort = effective_sort(query, text.as_ref());
        let page = Page {
            query,
            sort,
            scored: sort == SearchSort::Relevance,
            after: after.as_ref(),
            keep: limit + 1,
        };
        let index_query = text::index_query(fields, query, text.as_ref(), plan);
        let mut found = searcher.search(&*index_query, &page).map_err(fault)?;
        let more = found.first.len() > limit;
        found.first.truncate(limit);
        let last = found.first.last().filter(|_| more);
        let next_cursor = last.map(|(rank, id)| {
            let cursor = Cursor {
                plan,
                rank: rank.clone(),
                id: id.clone(),
            };
            cursor.encode(query)
        });
        Ok(SearchPage {
            ids: found.first.into_iter().map(|(_, id)| id).collect(),
            next_cursor,
            total: found.total,
            facets: found.facets.finish(),
        })
    }

    fn cursor(&self) -> u64 {
        self.open.read().cursor
    }

    fn apply(&self, changes: &[SearchChange], position: u64) -> Result<(), SearchFault> {
        let mut slot = self.writer.lock();
        let (index, fields, cursor) = {
            let open = self.open.read();
            (open.index.clone(), open.fields, open.cursor)
        };
        if position < cursor || (position == cursor && changes.is_empty()) {
            return Ok(());
        }
        // A writer that failed is dropped, and with it what it had not committed.
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => start_writer(&index).map_err(fault)?,
        };
        write(&mut writer, fields, changes, position).map_err(fault)?;
        *slot = Some(writer);
        let mut open = self.open.write();
        open.reader.reload().map_err(fault)?;
        open.cursor = position;
        Ok(())
    }

    fn rebuild(&self) -> Result<(), SearchFault> {
        let mut slot = self.writer.lock();
        // The writer holds the directory's lock, and its merges would write into the new index.
        if let Some(writer) = slot.take() {
            finish_merges(writer);
        }
        *self.open.write() = create(self.directory.as_deref())?;
        Ok(())
    }

    fn rest(&self) {
        if let Some(writer) = self.writer.lock().take() {
            finish_merges(writer);
        }
    }
}

fn finish_merges(writer: IndexWriter) {
    if let Err(error) = writer.wait_merging_threads() {
        tracing::warn!(%error, "merging segments of the search index failed");
    }
}

fn start_writer(index: &Index) -> tantivy::Result<IndexWriter> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(WRITER_HEAP_BYTES)
        .build();
    let writer = index.writer_with_options(options)?;
    let mut merging = LogMergePolicy::default();
    merging.set_del_docs_ratio_before_merge(DELETED_BEFORE_MERGE);
    writer.set_merge_policy(Box::new(merging));
    Ok(writer)
}

fn write(
    writer: &mut IndexWriter,
    fields: Fields,
    changes: &[SearchChange],
    position: u64,
) -> tantivy::Result<()> {
    for change in changes {
        match change {
            SearchChange::Upsert(document) => {
                writer.delete_term(Term::from_field_text(fields.id, &document.id));
                writer.add_document(fields.document(document))?;
            }
            SearchChange::Delete { id } => {
                writer.delete_term(Term::from_field_text(fields.id, id));
            }
        }
    }
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&payload(position));
    commit.commit()?;
    Ok(())
}

/// What a commit says of itself.
fn payload(position: u64) -> String {
    format!("{}:{position}", schema::VERSION)
}

/// The index of a directory, `None` when there is none.
fn open_existing(directory: &Path) -> Result<Option<Open>, String> {
    let text = |error: TantivyError| error.to_string();
    if !directory.join("meta.json").exists() {
        return Ok(None);
    }
    let index = Index::open_in_dir(directory).map_err(text)?;
    let (schema, fields) = schema::schema();
    if index.schema() != schema {
        return Err("it has other fields".to_owned());
    }
    let cursor = match index.load_metas().map_err(text)?.payload {
        None => 0,
        Some(payload) => match payload.split_once(':') {
            Some((version, position)) if version == schema::VERSION.to_string() => {
                (position.parse()).map_err(|_| "its position is unreadable".to_owned())?
            }
            _ => return Err("it is of another version".to_owned()),
        },
    };
    let damaged = index.validate_checksum().map_err(text)?;
    if !damaged.is_empty() {
        return Err(format!("{} of its files are damaged", damaged.len()));
    }
    with_reader(index, fields, cursor).map(Some).map_err(text)
}

/// A new empty index in place of whatever was there.
fn create(directory: Option<&Path>) -> Result<Open, SearchFault> {
    let (schema, fields) = schema::schema();
    let index = match directory {
        None => Index::create_in_ram(schema),
        Some(directory) => {
            remove_index_files(directory).map_err(|error| SearchFault::Index {
                detail: format!("{}: {error}", directory.display()),
            })?;
            let place = MmapDirectory::open(directory).map_err(|error| fault(error.into()))?;
            Index::create(place, schema, tantivy::IndexSettings::default()).map_err(fault)?
        }
    };
    with_reader(index, fields, 0).map_err(fault)
}

fn with_reader(index: Index, fields: Fields, cursor: u64) -> tantivy::Result<Open> {
    let reader = index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .doc_store_cache_num_blocks(0)
        .try_into()?;
    Ok(Open {
        index,
        reader,
        fields,
        cursor,
    })
}

/// Removes what tantivy wrote and nothing else, should the directory hold something of others.
fn remove_index_files(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_index_file(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn is_index_file(name: &str) -> bool {
    let segment =
        |(stem, _): (&str, &str)| stem.len() == 32 && stem.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(name, "meta.json" | ".managed.json")
        || name.starts_with(".tantivy-")
        || name.split_once('.').is_some_and(segment)
}

fn fault(error: TantivyError) -> SearchFault {
    SearchFault::Index {
        detail: error.to_string(),
    }
}
