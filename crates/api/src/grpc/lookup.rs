//! `ProductLookup`, the latency-critical read: replies are kept encoded and only framed here.
//!
//! It stands before tonic's codec, which takes two 8 KiB buffers and a boxed body a call. A reply
//! is one allocation: the 5-byte gRPC prefix and a copy of the kept bytes. Answers in memory are
//! given within the first poll; what is not there is loaded, and a caller that goes away drops that.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use cartwright_proto::v1::{LookupManyRequest, LookupRequest};
use http::{Request, Response};
use hyper::body::Body;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use tonic::Status;

use super::frame::{PREFIX, ReplyBody, frame, malformed, refusal, success, unframe};
use super::status::{of_problem, status};
use cartwright_app::Fault;

/// Most SKUs of one `LookupMany`.
pub const MAX_SKUS: usize = 200;

/// Most bytes of a request message; 200 SKUs of 64 characters take 13,200.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// What memory says of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The encoded `cartwright.v1.LookupReply` of what is sold under it.
    Here(Bytes),
    /// Nothing is sold under it.
    Nothing,
    /// It must be loaded.
    NotInMemory,
}

/// What loading a SKU comes to: the encoded reply, if anything is sold under it.
pub type Loading = Pin<Box<dyn Future<Output = Result<Option<Bytes>, Fault>> + Send>>;

/// Where encoded replies come from.
pub trait Lookup: Send + Sync + 'static {
    /// What memory says. The caller is the request path: no blocking, no I/O.
    fn find(&self, sku: &str) -> Found;

    /// What the store says, for what is not in memory.
    fn load(&self, sku: String) -> Loading;
}

/// An answer, framed.
type Framing = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;

enum Answer {
    Now(Result<Bytes, Status>),
    Later(Framing),
}

/// The service `cartwright.v1.ProductLookup` over a [`Lookup`].
///
/// A `tower::Service` that takes any HTTP body. Mount it at [`PATH`] of an axum router, or before
/// the router when every microsecond counts.
pub struct ProductLookup<L> {
    lookup: Arc<L>,
}

/// The start of the paths that [`ProductLookup`] answers.
pub const PATH: &str = "/cartwright.v1.ProductLookup/";

impl<L: Lookup> ProductLookup<L> {
    /// Serves what `lookup` finds.
    pub fn new(lookup: Arc<L>) -> Self {
        Self { lookup }
    }

    fn answer(&self, method: Method, body: Bytes) -> Answer {
        let message = match unframe(body) {
            Ok(message) => message,
            Err(status) => return Answer::Now(Err(status)),
        };
        let answer = match method {
            Method::Lookup => decode::<LookupRequest>(message).map(|it| self.one(it.sku)),
            Method::LookupMany => decode::<LookupManyRequest>(message).map(|it| self.many(it.skus)),
            Method::Unknown => Err(Status::unimplemented("ProductLookup has no such method")),
        };
        answer.unwrap_or_else(|status| Answer::Now(Err(status)))
    }

    fn one(&self, sku: String) -> Answer {
        match self.lookup.find(&sku) {
            Found::Here(reply) => Answer::Now(Ok(framed(&reply))),
            Found::Nothing => Answer::Now(Err(not_found(&sku))),
            Found::NotInMemory => {
                let loading = self.lookup.load(sku.clone());
                Answer::Later(Box::pin(async move {
                    let reply = loading.await.map_err(failed)?;
                    reply.map_or_else(|| Err(not_found(&sku)), |reply| Ok(framed(&reply)))
                }))
            }
        }
    }

    fn many(&self, skus: Vec<String>) -> Answer {
        if skus.len() > MAX_SKUS {
            return Answer::Now(Err(invalid(&format!(
                "skus has {} entries; ask for at most {MAX_SKUS} at once",
                skus.len()
            ))));
        }
        let mut found: Vec<_> = skus.iter().map(|sku| self.lookup.find(sku)).collect();
        if !found.contains(&Found::NotInMemory) {
            return Answer::Now(Ok(framed_many(&skus, &found)));
        }
        let lookup = Arc::clone(&self.lookup);
        Answer::Later(Box::pin(async move {
            for (sku, found) in skus.iter().zip(&mut found) {
                if *found == Found::NotInMemory {
                    let loaded = lookup.load(sku.clone()).await.map_err(failed)?;
                    *found = loaded.map_or(Found::Nothing, Found::Here);
                }
            }
            Ok(framed_many(&skus, &found))
        }))
    }
}

fn framed(reply: &Bytes) -> Bytes {
    frame(reply.len(), |framed| framed.put_slice(reply))
}

/// Field 1 of a `LookupManyReply` is `items`, field 2 is `missing`; either keeps the order asked for.
fn framed_many(skus: &[String], found: &[Found]) -> Bytes {
    let fields = skus.iter().zip(found).map(|(sku, found)| match found {
        Found::Here(reply) => (1, &reply[..]),
        Found::Nothing | Found::NotInMemory => (2, sku.as_bytes()),
    });
    let sized = |len: usize| 1 + encoded_len_varint(len as u64) + len;
    let len = fields.clone().map(|(_, bytes)| sized(bytes.len())).sum();
    frame(len, |framed| {
        for (field, bytes) in fields {
            encode_key(field, WireType::LengthDelimited, framed);
            encode_varint(bytes.len() as u64, framed);
            framed.put_slice(bytes);
        }
    })
}

fn failed(fault: Fault) -> Status {
    of_problem(&fault.into())
}

#[derive(Clone, Copy)]
enum Method {
    Lookup,
    LookupMany,
    Unknown,
}

impl Method {
    fn of(path: &str) -> Self {
        match path.strip_prefix(PATH) {
            Some("Lookup") => Self::Lookup,
            Some("LookupMany") => Self::LookupMany,
            _ => Self::Unknown,
        }
    }
}

fn not_found(sku: &str) -> Status {
    let detail = format!("no variant has the SKU {sku}; check the spelling, SKUs are exact");
    let fields = [("resource", "variant"), ("id", sku)];
    status("not_found", 404, &detail, fields)
}

fn invalid(detail: &str) -> Status {
    status("invalid", 422, detail, [])
}

fn decode<M: Message + Default>(message: Bytes) -> Result<M, Status> {
    M::decode(message).map_err(|error| {
        let detail = format!("the request is not the message its method takes: {error}");
        malformed(&detail)
    })
}

impl<L> Clone for ProductLookup<L> {
    fn clone(&self) -> Self {
        Self {
            lookup: Arc::clone(&self.lookup),
        }
    }
}

impl<L> tonic::server::NamedService for ProductLookup<L> {
    const NAME: &'static str = "cartwright.v1.ProductLookup";
}

impl<L, B> tower::Service<Request<B>> for ProductLookup<L>
where
    L: Lookup,
    B: Body<Data = Bytes> + Unpin,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Answering<L, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering<L, B> {
        Answering {
            service: self.clone(),
            method: Method::of(request.uri().path()),
            body: request.into_body(),
            read: Bytes::new(),
            loading: None,
        }
    }
}

/// Reads one request and answers it.
pub struct Answering<L, B> {
    service: ProductLookup<L>,
    method: Method,
    body: B,
    read: Bytes,
    loading: Option<Framing>,
}

impl<L, B> Future for Answering<L, B>
where
    L: Lookup,
    B: Body<Data = Bytes> + Unpin,
{
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(loading) = &mut this.loading {
            let answer = ready!(loading.as_mut().poll(cx));
            return Poll::Ready(Ok(respond(answer)));
        }
        while !this.body.is_end_stream() {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => {
                    let gone = Status::cancelled("the request ended before its message");
                    return Poll::Ready(Ok(refusal(&gone)));
                }
                None => break,
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if this.read.len() + data.len() > PREFIX + MAX_REQUEST_BYTES {
                return Poll::Ready(Ok(refusal(&too_large())));
            }
            this.read = joined(std::mem::take(&mut this.read), data);
        }
        let body = std::mem::take(&mut this.read);
        let answer = match this.service.answer(this.method, body) {
            Answer::Now(answer) => answer,
            Answer::Later(mut loading) => match loading.as_mut().poll(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    this.loading = Some(loading);
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(Ok(respond(answer)))
    }
}

fn respond(answer: Result<Bytes, Status>) -> Response<ReplyBody> {
    match answer {
        Ok(framed) => success(framed),
        Err(status) => refusal(&status),
    }
}

fn too_large() -> Status {
    let limit = MAX_REQUEST_BYTES.to_string();
    let detail = format!("the request is larger than {limit} bytes; ask for fewer SKUs at once");
    status("too_large", 413, &detail, [("limit", limit.as_str())])
}

fn joined(read: Bytes, data: Bytes) -> Bytes {
    if read.is_empty() {
        return data;
    }
    let mut both = BytesMut::from(read);
    both.extend_from_slice(&data);
    both.freeze()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use cartwright_proto::v1::product_lookup_client::ProductLookupClient;
    use cartwright_proto::v1::{LookupReply, Money};
    use tonic::Code;
    use tower::ServiceExt;

    use hyper::body::Frame;

    use super::super::status::error_info;
    use super::*;

    /// SKUs that begin with `L` or `X` are not in memory.
    struct Kept(BTreeMap<String, Bytes>);

    impl Lookup for Kept {
        fn find(&self, sku: &str) -> Found {
            match self.0.get(sku) {
                _ if sku.starts_with(['L', 'X']) => Found::NotInMemory,
                Some(reply) => Found::Here(reply.clone()),
                None => Found::Nothing,
            }
        }

        fn load(&self, sku: String) -> Loading {
            let reply = self.0.get(&sku).cloned();
            Box::pin(async move {
                tokio::task::yield_now().await;
                if sku == "XFAULT" {
                    return Err(Fault::Unavailable("no disk".to_owned()));
                }
                Ok(reply)
            })
        }
    }

    fn reply(sku: &str) -> LookupReply {
        LookupReply {
            sku: sku.to_owned(),
            product_id: "shirt".to_owned(),
            name: "Shirt".repeat(40),
            options: [("size".to_owned(), "M".to_owned())].into(),
            prices: vec![Money {
                amount: 1299,
                currency: "USD".to_owned(),
            }],
            limits: None,
            version: 3,
        }
    }

    fn service() -> ProductLookup<Kept> {
        let kept =
            ["A", "B", "LATE"].map(|sku| (sku.to_owned(), reply(sku).encode_to_vec().into()));
        ProductLookup::new(Arc::new(Kept(kept.into())))
    }

    /// The generated client, so that the hand-made frames are read by those who did not write them.
    fn client() -> ProductLookupClient<ProductLookup<Kept>> {
        ProductLookupClient::new(service())
    }

    struct Pieces(VecDeque<Vec<u8>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let piece = self.0.pop_front();
            Poll::Ready(piece.map(|it| Ok(Frame::data(it.into()))))
        }
    }

    async fn raw(path: &str, pieces: Vec<Vec<u8>>) -> Status {
        let request = Request::builder().uri(path).body(Pieces(pieces.into()));
        let response = service().oneshot(request.expect("valid"));
        let response = response.await.expect("infallible");
        Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""))
    }

    #[tokio::test]
    async fn answers_the_kept_reply() {
        let request = LookupRequest { sku: "A".into() };
        let answer = client().lookup(request).await.expect("A is sold");
        assert_eq!(answer.into_inner(), reply("A"));
    }

    #[tokio::test]
    async fn loads_what_is_not_in_memory() {
        let request = LookupRequest { sku: "LATE".into() };
        let answer = client().lookup(request).await.expect("LATE is sold");
        assert_eq!(answer.into_inner(), reply("LATE"));
        let request = LookupRequest {
            sku: "XFAULT".into(),
        };
        let fault = client().lookup(request).await.expect_err("no disk");
        assert_eq!(fault.code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn names_the_sku_that_is_not_sold() {
        for sku in ["C", "XC"] {
            let request = LookupRequest { sku: sku.into() };
            let refusal = client().lookup(request).await.expect_err("unknown");
            assert_eq!(refusal.code(), Code::NotFound);
            let (reason, fields) = error_info(&refusal).expect("has ErrorInfo");
            assert_eq!((reason.as_str(), fields["id"].as_str()), ("not_found", sku));
        }
    }

    #[tokio::test]
    async fn answers_many_in_the_order_asked_for() {
        let skus = ["B", "X", "LATE", "Y", "B"].map(String::from).to_vec();
        let answer = client().lookup_many(LookupManyRequest { skus }).await;
        let answer = answer.expect("many").into_inner();
        assert_eq!(answer.items, [reply("B"), reply("LATE"), reply("B")]);
        assert_eq!(answer.missing, ["X", "Y"]);
    }

    #[tokio::test]
    async fn answers_none_when_asked_for_none() {
        let answer = client().lookup_many(LookupManyRequest::default()).await;
        assert_eq!(answer.expect("none").into_inner(), Default::default());
    }

    #[tokio::test]
    async fn refuses_more_skus_than_it_promises() {
        let skus = vec!["A".to_owned(); MAX_SKUS + 1];
        let refusal = client().lookup_many(LookupManyRequest { skus }).await;
        assert_eq!(refusal.expect_err("201").code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn refuses_what_is_no_request_of_its_own() {
        let one = format!("{PATH}Lookup");
        let huge = vec![0; PREFIX + MAX_REQUEST_BYTES + 1];
        let rows = [
            (one.as_str(), vec![], Code::InvalidArgument),
            (&one, vec![vec![0, 0, 0, 0, 9, 1]], Code::InvalidArgument),
            (&one, vec![vec![0, 0, 0, 0, 1, 0xff]], Code::InvalidArgument),
            (&one, vec![vec![1, 0, 0, 0, 0]], Code::Unimplemented),
            (&one, vec![huge], Code::ResourceExhausted),
            (
                "/cartwright.v1.ProductLookup/Other",
                vec![vec![0; 5]],
                Code::Unimplemented,
            ),
        ];
        for (path, frames, expected) in rows {
            let status = raw(path, frames.clone()).await;
            assert_eq!(status.code(), expected, "{path} {:?}", status.message());
        }
    }

    #[tokio::test]
    async fn reads_a_request_that_comes_in_pieces() {
        let pieces = vec![vec![0, 0], vec![0, 0, 3, 0x0a], vec![1, b'A']];
        let status = raw("/cartwright.v1.ProductLookup/Lookup", pieces).await;
        assert_eq!(status.code(), Code::Ok);
    }
}
