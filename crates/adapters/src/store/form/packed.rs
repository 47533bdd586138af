//! Blobs of a whole batch, compressed: what is alike in its entries is kept once, and less is written and synced.
//!
//! The first byte says how: 0 as it is; 1 zstd (RFC 8878) after the length in four little-endian bytes.

use cartwright_app::Fault;
use std::borrow::Cow;
use zstd::bulk::Compressor;

/// Fastest; the entries of a batch are so alike that more effort gains little.
const LEVEL: i32 = 1;
/// Shorter ones stay as they are.
const WORTH: usize = 400;
const HEADER: usize = 5;
/// Longer than any batch can be; a longer one is damage.
const MAX: usize = 1 << 30;

/// Packs into a buffer of its own that is used again.
pub(in crate::store) struct Packer {
    compressor: Compressor<'static>,
    out: Vec<u8>,
}

impl Packer {
    pub(in crate::store) fn new() -> std::io::Result<Self> {
        Ok(Self {
            compressor: Compressor::new(LEVEL)?,
            out: Vec::new(),
        })
    }

    /// The blob to keep for `raw`.
    pub(in crate::store) fn pack(&mut self, raw: &[u8]) -> Result<&[u8], Fault> {
        self.out.clear();
        if raw.len() < WORTH {
            self.out.push(0);
            self.out.extend_from_slice(raw);
            return Ok(&self.out);
        }
        let length =
            u32::try_from(raw.len()).map_err(|_| Fault::Rejected("a batch of 4 GiB".into()))?;
        self.out
            .resize(HEADER + zstd::zstd_safe::compress_bound(raw.len()), 0);
        self.out[0] = 1;
        self.out[1..HEADER].copy_from_slice(&length.to_le_bytes());
        let packed = self
            .compressor
            .compress_to_buffer(raw, &mut self.out[HEADER..]);
        let packed = packed.map_err(|error| Fault::Unavailable(error.to_string()))?;
        self.out.truncate(HEADER + packed);
        Ok(&self.out)
    }
}

/// What was packed.
///
/// # Errors
/// [`Fault::Corrupt`].
pub(in crate::store) fn unpack(blob: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    match blob.split_first() {
        Some((0, raw)) => Ok(Cow::Borrowed(raw)),
        Some((1, rest)) => {
            let (length, packed) = rest
                .split_first_chunk()
                .ok_or_else(|| Fault::corrupt("a packed batch is cut short"))?;
            let length = u32::from_le_bytes(*length) as usize;
            if length > MAX {
                return Err(Fault::corrupt("a packed batch claims an impossible length"));
            }
            zstd::bulk::decompress(packed, length)
                .map(Cow::Owned)
                .map_err(Fault::corrupt)
        }
        _ => Err(Fault::corrupt("a batch is packed in an unknown way")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back() -> Result<(), Box<dyn std::error::Error>> {
        let mut packer = Packer::new()?;
        for length in [0, 1, WORTH - 1, WORTH, 100_000] {
            let raw: Vec<u8> = (0..length).map(|n| (n % 7) as u8).collect();
            assert_eq!(unpack(packer.pack(&raw)?)?, raw);
        }
        for bad in [
            &[][..],
            &[9],
            &[1, 0],
            &[1, 9, 0, 0, 0, 1, 2, 3],
            &[1, 255, 255, 255, 255],
        ] {
            assert!(matches!(unpack(bad), Err(Fault::Corrupt(_))), "{bad:?}");
        }
        Ok(())
    }
}
