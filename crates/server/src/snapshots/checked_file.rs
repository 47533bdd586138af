//! A file of length-prefixed records, compressed, that ends with the SHA-256 of everything before it. It gets its name only
//! when it is whole and on disk.

use anyhow::{Context as _, ensure};
use cartwright_app::failpoint::{Point, failpoint};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Fast, and a third of the size.
const LEVEL: i32 = 1;
const HASH_BYTES: u64 = 32;
/// No record is larger: a batch of the log or a product.
const MAX_RECORD: u32 = 1 << 30;

struct Hashed<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file that is being written.
pub(super) struct Writer {
    stream: zstd::Encoder<'static, Hashed<BufWriter<File>>>,
    unfinished: PathBuf,
}

impl Writer {
    /// Begins a file in a directory, which is made if there is none.
    pub(super) fn begin(dir: &Path, magic: &[u8; 4]) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let unfinished = dir.join("unfinished.tmp");
        let mut hashed = Hashed {
            inner: BufWriter::new(File::create(&unfinished)?),
            hash: Sha256::new(),
        };
        hashed.write_all(magic)?;
        Ok(Self {
            stream: zstd::Encoder::new(hashed, LEVEL)?,
            unfinished,
        })
    }

    pub(super) fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.stream.write_all(&length.to_le_bytes())?;
        self.stream.write_all(bytes)
    }

    /// Ends the file and gives it its name, durably.
    pub(super) fn finish(self, name: &str) -> io::Result<PathBuf> {
        let Hashed { mut inner, hash } = self.stream.finish()?;
        inner.write_all(&hash.finalize())?;
        let file = inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        failpoint(Point::FileSynced);
        let path = self.unfinished.with_file_name(name);
        fs::rename(&self.unfinished, &path)?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(path)
    }
}

/// Checks the checksum of a whole file, then visits its records.
///
/// # Errors
/// A file that is damaged, cut short or of another kind is told apart before the first record is visited.
pub(super) fn read(
    path: &Path,
    magic: &[u8; 4],
    visit: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = || format!("{} cannot be used", path.display());
    let end = verify(path).with_context(name)?;
    let mut file = BufReader::new(File::open(path)?.take(end));
    let mut found = [0; 4];
    file.read_exact(&mut found).with_context(name)?;
    ensure!(
        &found == magic,
        "{}: it is of another kind or version",
        name()
    );
    let mut stream = zstd::Decoder::with_buffer(file).with_context(name)?;
    let mut record = Vec::new();
    let mut length = [0; 4];
    loop {
        match stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error).with_context(name),
        }
        let length = u32::from_le_bytes(length);
        ensure!(
            length <= MAX_RECORD,
            "{}: a record of {length} bytes",
            name()
        );
        record.resize(length as usize, 0);
        stream.read_exact(&mut record).with_context(name)?;
        visit(&record).with_context(name)?;
    }
}

/// Where the checksum begins, if it is the right one.
fn verify(path: &Path) -> anyhow::Result<u64> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    ensure!(size > HASH_BYTES, "it is cut short");
    let end = size - HASH_BYTES;
    let mut hash = Sha256::new();
    let mut body = Read::by_ref(&mut file).take(end);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let mut expected = [0; HASH_BYTES as usize];
    file.read_exact(&mut expected)?;
    ensure!(
        hash.finalize()[..] == expected,
        "its checksum is wrong, so it is damaged"
    );
    Ok(end)
}
