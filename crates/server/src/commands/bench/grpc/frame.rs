//! The HTTP/2 frames (RFC 9113) and HPACK bytes (RFC 7541) that the gRPC load client needs, and no more.

/// The header fields of every request but the first: `:method POST` and `:scheme http` of the static table, then what
/// [`first_request_headers`] put into the dynamic one (the newest is 62): path, authority, content-type, te.
pub(super) const KNOWN_HEADERS: [u8; 6] = [0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];
/// What the dynamic table must hold for [`KNOWN_HEADERS`].
pub(super) const TABLE_BYTES: u32 = 1024;

const FRAME_HEAD_BYTES: usize = 9;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const SETTING_TABLE_BYTES: u16 = 1;
const SETTING_PUSH: u16 = 2;
const SETTING_STREAMS: u16 = 3;
const SETTING_WINDOW: u16 = 4;

/// What a frame is, as far as the client tells frames apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Ping,
    GoAway,
    WindowUpdate,
    Other,
}

/// One complete frame.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'a [u8],
}

/// What the server's settings say; absent ones have the defaults of the standard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) table_bytes: u32,
    pub(super) concurrent_streams: usize,
}

/// The first frame of `bytes` when it is complete.
pub(super) fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let head = bytes.first_chunk::<FRAME_HEAD_BYTES>()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let payload = bytes.get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + length)?;
    let kind = match head[3] {
        0 => Kind::Data,
        1 => Kind::Headers,
        3 => Kind::Reset,
        4 => Kind::Settings,
        6 => Kind::Ping,
        7 => Kind::GoAway,
        8 => Kind::WindowUpdate,
        _ => Kind::Other,
    };
    Some(Frame {
        kind,
        flags: head[4],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
        payload,
    })
}

impl Frame<'_> {
    pub(super) fn length(&self) -> usize {
        FRAME_HEAD_BYTES + self.payload.len()
    }

    pub(super) fn ends_stream(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// A whole header block without padding or priority.
    pub(super) fn is_plain_headers(&self) -> bool {
        self.flags & END_HEADERS != 0 && self.flags & (PADDED | PRIORITY) == 0
    }

    /// The settings, unless the frame acknowledges ours.
    pub(super) fn settings(&self) -> Option<Settings> {
        if self.flags & ACK != 0 {
            return None;
        }
        let mut settings = Settings {
            table_bytes: 4096,
            concurrent_streams: usize::MAX,
        };
        for entry in self.payload.chunks_exact(6) {
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            match u16::from_be_bytes([entry[0], entry[1]]) {
                SETTING_TABLE_BYTES => settings.table_bytes = value,
                SETTING_STREAMS => settings.concurrent_streams = value as usize,
                _ => {}
            }
        }
        Some(settings)
    }

    pub(super) fn window_increment(&self) -> u32 {
        self.code() & 0x7fff_ffff
    }

    /// The 32-bit number that a RST_STREAM or WINDOW_UPDATE frame consists of.
    pub(super) fn code(&self) -> u32 {
        self.payload
            .first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }
}

/// The connection preface, our settings (no header table, no push, a wide window) and the connection's window.
pub(super) fn append_preface(out: &mut Vec<u8>, window_bytes: u32) {
    out.extend_from_slice(PREFACE);
    let settings = [
        (SETTING_TABLE_BYTES, 0),
        (SETTING_PUSH, 0),
        (SETTING_WINDOW, window_bytes),
    ];
    append_head(out, settings.len() * 6, 4, 0, 0);
    for (name, value) in settings {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    append_window_update(out, window_bytes);
}

pub(super) fn append_settings_ack(out: &mut Vec<u8>) {
    append_head(out, 0, 4, ACK, 0);
}

pub(super) fn append_pong(out: &mut Vec<u8>, ping: &Frame<'_>) {
    if ping.flags & ACK == 0 {
        append_head(out, ping.payload.len(), 6, ACK, 0);
        out.extend_from_slice(ping.payload);
    }
}

pub(super) fn append_window_update(out: &mut Vec<u8>, bytes: u32) {
    append_head(out, 4, 8, 0, 0);
    out.extend_from_slice(&bytes.to_be_bytes());
}

pub(super) fn append_headers(out: &mut Vec<u8>, stream: u32, block: &[u8]) {
    append_head(out, block.len(), 1, END_HEADERS, stream);
    out.extend_from_slice(block);
}

/// Appends one gRPC message that ends the request; returns the bytes that count against the window.
pub(super) fn append_message(
    out: &mut Vec<u8>,
    stream: u32,
    write: impl FnOnce(&mut Vec<u8>),
) -> i64 {
    let head_at = out.len();
    append_head(out, 0, 0, END_STREAM, stream);
    let payload_at = out.len();
    out.extend_from_slice(&[0; 5]);
    write(out);
    let length = out.len() - payload_at;
    let message_length = u32::try_from(length - 5).unwrap_or(u32::MAX);
    out[payload_at + 1..payload_at + 5].copy_from_slice(&message_length.to_be_bytes());
    let frame_length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out[head_at..head_at + 3].copy_from_slice(&frame_length[1..]);
    i64::from(message_length) + 5
}

fn append_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// The header fields of the first request, each entered into the dynamic table (RFC 7541, 6.2.1).
pub(super) fn first_request_headers(path: &str, authority: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    append_indexed_name(&mut block, 4, path);
    append_indexed_name(&mut block, 1, authority);
    append_indexed_name(&mut block, 31, "application/grpc");
    block.push(0x40);
    append_text(&mut block, "te");
    append_text(&mut block, "trailers");
    block
}

fn append_indexed_name(block: &mut Vec<u8>, name_index: u8, value: &str) {
    block.push(0x40 | name_index);
    append_text(block, value);
}

/// A text without Huffman code; ours are shorter than the 127 bytes that one length byte can say.
fn append_text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).unwrap_or(126).min(126));
    block.extend_from_slice(&text.as_bytes()[..text.len().min(126)]);
}

/// Whether a header block that came without a dynamic table says `grpc-status: 0`.
pub(super) fn says_ok(block: &[u8]) -> bool {
    const NAME_IN_HUFFMAN_CODE: &[u8] = &[0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
    const NAME: &[u8] = b"\x0bgrpc-status";
    const ZERO_IN_HUFFMAN_CODE: &[u8] = &[0x81, 0x07];
    const ZERO: &[u8] = b"\x010";
    [NAME_IN_HUFFMAN_CODE, NAME].into_iter().any(|name| {
        let found = block.windows(name.len()).position(|window| window == name);
        found.is_some_and(|at| {
            let value = &block[at + name.len()..];
            value.starts_with(ZERO) || value.starts_with(ZERO_IN_HUFFMAN_CODE)
        })
    })
}
