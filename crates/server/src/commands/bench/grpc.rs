//! A lean gRPC load client for one unary method: HTTP/2 frames by hand over one connection, many calls in flight, so that one
//! read takes many replies and one write sends many requests. The request's header fields enter the server's HPACK table
//! with the first call and are six bytes from then on; replies are asked for without a table, so that a trailer says
//! `grpc-status: 0` in the same bytes each time.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{measure::Recorder, pacer::Pacer};

mod frame;

use frame::{Frame, Kind};

/// Calls in flight on one connection, at most (a power of two).
const SLOTS: usize = 1024;
/// Bytes that the server may send before it hears of more window.
const WINDOW_BYTES: u32 = 1 << 30;
/// The window that each side has before it hears otherwise (RFC 9113, 6.9.2).
const DEFAULT_WINDOW_BYTES: i64 = 65_535;
/// How long calls may still be answered after the end of a run.
const DRAIN: Duration = Duration::from_secs(10);

/// One HTTP/2 connection that calls one method.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: TcpStream,
    incoming: Vec<u8>,
    filled: usize,
    outgoing: Vec<u8>,
    first_headers: Option<Vec<u8>>,
    next_stream: u32,
    calls: Vec<Option<Call>>,
    in_flight: usize,
    server_limit: usize,
    send_window: i64,
    unacknowledged: u32,
    first_reply: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    stream: u32,
    intended: Instant,
    has_message: bool,
}

/// Chooses the message of call number `sequence` and appends it, in Protobuf, to the buffer.
pub(crate) type WriteMessage<'a> = &'a (dyn Fn(u64, &mut Vec<u8>) + Sync);

impl Channel {
    /// Connects to `address` and exchanges settings; calls go to `path` (`/package.Service/Method`).
    ///
    /// # Errors
    /// When nobody listens there, or what answers is not HTTP/2.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let mut channel = Self {
            stream,
            incoming: vec![0; 256 * 1024],
            filled: 0,
            outgoing: Vec::with_capacity(64 * 1024),
            first_headers: Some(frame::first_request_headers(path, &address.to_string())),
            next_stream: 1,
            calls: vec![None; SLOTS],
            in_flight: 0,
            server_limit: SLOTS,
            send_window: DEFAULT_WINDOW_BYTES,
            unacknowledged: 0,
            first_reply: None,
        };
        frame::append_preface(&mut channel.outgoing, WINDOW_BYTES);
        channel.flush().await?;
        let mut settled = Recorder::new();
        // The server's settings come first (RFC 9113, 3.4), and with them how many calls it takes at once.
        while !channel.read(&mut settled).await? {}
        channel.flush().await?;
        Ok(channel)
    }

    /// The message of the first reply of this connection, in Protobuf, when there was one.
    pub(crate) fn first_reply(&self) -> Option<&[u8]> {
        self.first_reply.as_deref()
    }

    /// Keeps `in_flight` calls open for `duration`, then waits for the last replies. Latencies enter `recorder` as status 200.
    ///
    /// # Errors
    /// When the connection ends or a call does not answer `OK`.
    pub(crate) async fn closed(
        &mut self,
        write: WriteMessage<'_>,
        in_flight: usize,
        duration: Duration,
        recorder: &mut Recorder,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + duration;
        let mut sequence = 0;
        loop {
            let now = Instant::now();
            if now < end {
                while self.in_flight < in_flight.min(self.server_limit) && self.may_send() {
                    self.call(sequence, now, write);
                    sequence += 1;
                }
            } else if self.in_flight == 0 {
                return Ok(());
            }
            self.flush().await?;
            self.read(recorder).await?;
        }
    }

    /// Calls arrive at `rate` per second for `duration`; a latency counts from the intended arrival.
    ///
    /// # Errors
    /// As [`Channel::closed`], and when calls still wait long after the end.
    pub(crate) async fn steady(
        &mut self,
        write: WriteMessage<'_>,
        rate: u32,
        duration: Duration,
        recorder: &mut Recorder,
    ) -> anyhow::Result<()> {
        let mut pacer = Pacer::new(rate)?;
        let mut waiting = VecDeque::new();
        let mut sequence = 0;
        let end = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now < end {
                while let Some(intended) = pacer.due() {
                    waiting.push_back(intended);
                }
            } else if self.in_flight == 0 && waiting.is_empty() {
                return Ok(());
            }
            ensure!(
                now < end + DRAIN,
                "{rate}/s is more than the server takes: calls still waited {DRAIN:?} after the end"
            );
            while self.in_flight < self.server_limit && self.may_send() {
                let Some(intended) = waiting.pop_front() else {
                    break;
                };
                self.call(sequence, intended, write);
                sequence += 1;
            }
            self.flush().await?;
            // Without calls in flight too: the server may just be giving its window back.
            let may_send = self.in_flight < self.server_limit && self.may_send();
            tokio::select! {
                read = self.read(recorder) => { read?; }
                paced = pacer.wait(), if may_send && now < end => paced?,
                () = tokio::time::sleep(DRAIN), if now >= end => {}
            }
        }
    }

    fn may_send(&self) -> bool {
        self.send_window > 16_384 && self.calls[self.slot(self.next_stream)].is_none()
    }

    fn slot(&self, stream: u32) -> usize {
        (stream as usize >> 1) & (self.calls.len() - 1)
    }

    fn call(&mut self, sequence: u64, intended: Instant, write: WriteMessage<'_>) {
        let stream = self.next_stream;
        self.next_stream += 2;
        match self.first_headers.take() {
            Some(headers) => frame::append_headers(&mut self.outgoing, stream, &headers),
            None => frame::append_headers(&mut self.outgoing, stream, &frame::KNOWN_HEADERS),
        }
        self.send_window -=
            frame::append_message(&mut self.outgoing, stream, |out| write(sequence, out));
        let slot = self.slot(stream);
        self.calls[slot] = Some(Call {
            stream,
            intended,
            has_message: false,
        });
        self.in_flight += 1;
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.outgoing.is_empty() {
            self.stream.write_all(&self.outgoing).await?;
            self.outgoing.clear();
        }
        Ok(())
    }

    /// Reads once and handles what is complete; whether settings were among it. Cancelling it loses nothing.
    async fn read(&mut self, recorder: &mut Recorder) -> anyhow::Result<bool> {
        let read = self.stream.read(&mut self.incoming[self.filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        self.filled += read;
        let now = Instant::now();
        let incoming = std::mem::take(&mut self.incoming);
        let mut at = 0;
        let mut settings = false;
        let mut handled = Ok(());
        while let Some(frame) = frame::parse(&incoming[at..self.filled]) {
            at += frame.length();
            settings |= frame.kind == Kind::Settings;
            handled = self.handle(&frame, now, recorder);
            if handled.is_err() {
                break;
            }
        }
        self.incoming = incoming;
        handled?;
        self.incoming.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(settings)
    }

    fn handle(
        &mut self,
        frame: &Frame<'_>,
        now: Instant,
        recorder: &mut Recorder,
    ) -> anyhow::Result<()> {
        match frame.kind {
            Kind::Data => {
                self.acknowledge(u32::try_from(frame.payload.len()).unwrap_or(u32::MAX));
                let slot = self.slot(frame.stream);
                if let Some(call) = &mut self.calls[slot] {
                    call.has_message |= !frame.payload.is_empty();
                }
                // Calls may be answered in any order: what was asked first is known of the first stream alone.
                if self.first_reply.is_none() && frame.stream == 1 {
                    self.first_reply = frame.payload.get(5..).map(<[u8]>::to_vec);
                }
                ensure!(!frame.ends_stream(), "a reply ended without trailers");
            }
            Kind::Headers => {
                ensure!(
                    frame.is_plain_headers(),
                    "a header block with padding or continuation"
                );
                if frame.ends_stream() {
                    self.complete(frame, now, recorder)?;
                }
            }
            Kind::Settings => {
                if let Some(settings) = frame.settings() {
                    ensure!(
                        settings.table_bytes >= frame::TABLE_BYTES,
                        "the server keeps too small a header table"
                    );
                    self.server_limit = settings.concurrent_streams.min(SLOTS);
                    frame::append_settings_ack(&mut self.outgoing);
                }
            }
            Kind::Ping => frame::append_pong(&mut self.outgoing, frame),
            Kind::WindowUpdate if frame.stream == 0 => {
                self.send_window += i64::from(frame.window_increment());
            }
            Kind::Reset => bail!("the server reset a call (HTTP/2 error {})", frame.code()),
            Kind::GoAway => bail!("the server ends the connection"),
            Kind::WindowUpdate | Kind::Other => {}
        }
        Ok(())
    }

    fn complete(
        &mut self,
        frame: &Frame<'_>,
        now: Instant,
        recorder: &mut Recorder,
    ) -> anyhow::Result<()> {
        let slot = self.slot(frame.stream);
        let call = self.calls[slot]
            .take()
            .filter(|call| call.stream == frame.stream)
            .context("trailers of a call that is not open")?;
        self.in_flight -= 1;
        ensure!(
            call.has_message && frame::says_ok(frame.payload),
            "a call did not answer OK; its last headers, in HPACK: {}",
            frame.payload.escape_ascii()
        );
        recorder.record(now.saturating_duration_since(call.intended), 200);
        Ok(())
    }

    fn acknowledge(&mut self, bytes: u32) {
        self.unacknowledged += bytes;
        if self.unacknowledged > WINDOW_BYTES / 2 {
            frame::append_window_update(&mut self.outgoing, self.unacknowledged);
            self.unacknowledged = 0;
        }
    }
}

#[cfg(test)]
mod tests;
