//! HTTP/2 without TLS on the same port.

use std::convert::Infallible;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{ADMIN_KEY, Shop, shop};

type Sent = Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>;

async fn connect(shop: &Shop) -> SendRequest<Sent> {
    let stream = TcpStream::connect(shop.address()).await.expect("a shop");
    stream.set_nodelay(true).expect("a socket");
    let opened = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (sender, connection) = opened.expect("the shop takes HTTP/2");
    tokio::spawn(connection);
    sender
}

/// Status and body of `POST /v1/carts` with the parts that come; the reply is awaited before the last ones are sent.
async fn post(sender: &mut SendRequest<Sent>, key: &str, media: &str, late: usize) -> (u16, Value) {
    const PART: Bytes = Bytes::from_static(&[b' '; 50_000]);
    let (parts, coming) = mpsc::channel::<Bytes>(1);
    let frames = unfold(coming, |mut coming| async {
        let part = coming.recv().await?;
        Some((Ok(Frame::data(part)), coming))
    });
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://shop/v1/carts")
        .header("Authorization", format!("Bearer {key}"))
        .header("Content-Type", media)
        .body(Box::pin(StreamBody::new(frames)) as Sent)
        .expect("a request");
    sender.ready().await.expect("the connection is open");
    let reply = sender.send_request(request);
    parts.send(Bytes::from_static(b"{}")).await.expect("sent");
    let parts = (late > 0).then_some(parts);
    let reply = reply.await.expect("a reply");
    for _ in 0..late {
        let sent = parts.as_ref().map(|parts| parts.send(PART));
        let sent = sent.expect("parts to come").await;
        assert!(sent.is_ok(), "{key} {media}: the stream was reset");
    }
    drop(parts);
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.expect("a body");
    (
        status,
        serde_json::from_slice(&body.to_bytes()).expect("JSON"),
    )
}

#[tokio::test]
async fn a_refusal_resets_no_stream_that_is_still_sent() {
    let shop = shop();
    let mut sender = connect(&shop).await;
    // More parts than a window of the stream, and of the connection if what was refused were never read.
    let rows = [
        ("nobody", "application/json", 401, "unauthenticated"),
        (ADMIN_KEY, "text/plain", 415, "unsupported_media_type"),
    ];
    for _ in 0..5 {
        for (key, media, status, code) in rows {
            let (found, problem) = post(&mut sender, key, media, 10).await;
            let found = (found, problem["code"].as_str());
            assert_eq!(found, (status, Some(code)), "{problem}");
        }
        let (status, cart) = post(&mut sender, ADMIN_KEY, "application/json", 0).await;
        assert_eq!(status, 201, "{cart}");
    }
}
