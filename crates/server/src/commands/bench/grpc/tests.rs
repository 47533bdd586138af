use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header::HeaderMap, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

/// A server of one method that answers each message with itself; messages that begin with `x` get status 5.
async fn echo(listener: tokio::net::TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<
    Response<impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible>>,
    hyper::Error,
> {
    assert_eq!(request.uri().path(), "/echo.Echo/Say");
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let message = request.into_body().collect().await?.to_bytes();
    let status = if message.get(5) == Some(&b'x') {
        "5"
    } else {
        "0"
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    let body = Full::new(message).with_trailers(async move { Some(Ok(trailers)) });
    Ok(Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap())
}

async fn channel() -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(echo(listener));
    Channel::open(address, "/echo.Echo/Say").await.unwrap()
}

fn number(sequence: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("message {sequence}").as_bytes());
}

#[tokio::test(flavor = "current_thread")]
async fn every_call_of_a_closed_loop_is_answered() {
    let mut channel = channel().await;
    let mut recorder = Recorder::new();
    channel
        .closed(&number, 64, Duration::from_millis(200), &mut recorder)
        .await
        .unwrap();
    assert!(recorder.replies() > 64, "{} replies", recorder.replies());
    assert_eq!(channel.first_reply(), Some(&b"message 0"[..]));
    assert_eq!(channel.in_flight, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_steady_rate_offers_what_it_says() {
    let mut channel = channel().await;
    let mut recorder = Recorder::new();
    channel
        .steady(&number, 1000, Duration::from_millis(300), &mut recorder)
        .await
        .unwrap();
    assert!(
        (290..=300).contains(&recorder.replies()),
        "{} replies",
        recorder.replies()
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_that_is_not_ok_ends_the_load() {
    let mut channel = channel().await;
    let refused = channel
        .closed(
            &|_, out| out.push(b'x'),
            4,
            Duration::from_millis(200),
            &mut Recorder::new(),
        )
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("did not answer OK")
    );
}
