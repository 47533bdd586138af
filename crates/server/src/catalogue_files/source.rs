//! Bytes of a file, counted and cut into lines of bounded size.

use super::ROW_BYTES_LIMIT;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all readers read from: the start of the file that was looked at, then the rest of it.
pub(super) type Input = Box<dyn Read + Send>;

/// A reader that tells how many bytes went through it.
pub(super) struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let bytes = Arc::new(AtomicU64::new(0));
        (
            Self {
                inner,
                bytes: Arc::clone(&bytes),
            },
            bytes,
        )
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// One line, without its end (`\n` or `\r\n`).
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// Beyond the limit: `bytes` is only its beginning.
    pub(super) too_long: bool,
}

/// The lines of a file, each of at most [`ROW_BYTES_LIMIT`] bytes.
pub(super) struct Lines {
    input: BufReader<Input>,
    number: u64,
    failed: bool,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input: BufReader::with_capacity(1 << 16, input),
            number: 0,
            failed: false,
        }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line {
            number: self.number + 1,
            bytes: Vec::new(),
            too_long: false,
        };
        let mut read_any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            read_any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let content = &chunk[..end.unwrap_or(chunk.len())];
            let room = ROW_BYTES_LIMIT - line.bytes.len();
            line.too_long |= content.len() > room;
            line.bytes
                .extend_from_slice(&content[..content.len().min(room)]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !read_any {
            return Ok(None);
        }
        self.number = line.number;
        if line.bytes.last() == Some(&b'\r') {
            line.bytes.pop();
        }
        Ok(Some(line))
    }
}

impl Iterator for Lines {
    type Item = Result<Line, super::Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.read() {
            Ok(line) => line.map(Ok),
            Err(error) => {
                self.failed = true;
                Some(Err(super::Fault::unreadable(self.number + 1, &error)))
            }
        }
    }
}
