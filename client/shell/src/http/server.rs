//! The server: a router behind limits of length, time and number, that stops gracefully.

use super::problem;
use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tower_service::Service as _;

use crate::shutdown::Shutdown;

/// What one server gives to all, and to each, of its callers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest request body; a longer one is refused with 413.
    pub body_bytes: usize,
    /// Where longer ones are taken.
    pub long_bodies: Option<LongBodies>,
    /// How long a new connection may take until its first request's head is there; then it is closed.
    pub header_ms: u64,
    /// How long a request's body may take after its head; then it is refused with 408.
    pub body_ms: u64,
    /// How long a connection is kept from one request's end to the next request's head.
    pub idle_ms: u64,
    /// The most connections at a time; more wait unaccepted.
    pub connections: usize,
    /// How long requests in flight may take to finish after the order to stop.
    pub grace_ms: u64,
}

/// One path whose request bodies may be longer than others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongBodies {
    /// The path.
    pub path: &'static str,
    /// The longest body there.
    pub body_bytes: usize,
    /// The most bytes of all such bodies together, from their arrival to their answer: what does not fit is refused with 503.
    /// Who sends slowly takes up no more than it has sent.
    pub together_bytes: usize,
}

/// How much of a body that is too long is still read, so that its sender gets to read why it is refused.
const DRAIN_BYTES: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            long_bodies: None,
            header_ms: 10_000,
            body_ms: 30_000,
            idle_ms: 120_000,
            connections: 10_000,
            grace_ms: 10_000,
        }
    }
}

/// Reads an address and port to listen on, for a flag: a host's name is not looked up, a port that is none is refused.
///
/// # Errors
/// What is wrong, in words.
pub fn listen_address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    match port.is_some_and(|port| port.parse::<u16>().is_ok()) {
        true => Ok(text.into()),
        false => Err("not an address and port such as 127.0.0.1:7370".into()),
    }
}

/// Prints `listening on <address>` as a line on standard output, for whoever started this program with port 0.
///
/// # Errors
/// If the listener has no address or standard output is closed.
pub fn announce(listener: &TcpListener) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {address}")?;
    out.flush()?;
    Ok(address)
}

/// File descriptors that connections never get: a database and requests of our own need theirs, whoever comes.
const RESERVED_DESCRIPTORS: u64 = 512;

/// Raises the limit of open files as far as it goes, and tells how many of them connections may take: all but
/// [`RESERVED_DESCRIPTORS`], and at most half.
fn descriptors_for_connections() -> u32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    // No limit at all is no limit.
    let Some(now) = now else { return u32::MAX };
    u32::try_from(now.saturating_sub(RESERVED_DESCRIPTORS).max(now / 2)).unwrap_or(u32::MAX)
}

/// Serves until told to stop, then finishes the requests in flight, for at most [`Limits::grace_ms`], and returns.
///
/// Cost: two atomic writes a request beyond hyper and axum; no timer is set for a request whose body comes with its head.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut shutdown: Shutdown) {
    let together_bytes = limits.long_bodies.as_ref().map_or(0, |long| long.together_bytes);
    let limits = Arc::new(Bounds { limits, room: Arc::new(AtomicUsize::new(together_bytes)) });
    let cap = u32::try_from(limits.connections).unwrap_or(u32::MAX).min(descriptors_for_connections()).max(1);
    let places = Arc::new(Semaphore::new(usize::try_from(cap).unwrap_or(usize::MAX)));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = shutdown.wait() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, limits, shutdown) = (router.clone(), Arc::clone(&limits), shutdown.clone());
                tokio::spawn(async move {
                    connection(stream, router, limits, shutdown).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: give others time to close theirs, and say so once a second at most.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    drop(listener);
    // Each connection bounds its own grace; all places are free when all are closed.
    let _ = places.acquire_many(cap).await;
}

/// The limits, and what is left of those that requests share.
struct Bounds {
    limits: Limits,
    /// Bytes left of [`LongBodies::together_bytes`]. Taken and given back by [`Share`] alone.
    room: Arc<AtomicUsize>,
}

impl Deref for Bounds {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.limits
    }
}

async fn connection(stream: TcpStream, router: Router, limits: Arc<Bounds>, mut shutdown: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY: {error}");
    }
    let pulse = Arc::new(Pulse::new());
    let service = service_fn({
        let (pulse, limits) = (Arc::clone(&pulse), Arc::clone(&limits));
        move |request| answer(router.clone(), request, Flight::start(&pulse), Arc::clone(&limits))
    });
    let mut http = Builder::new(TokioExecutor::new());
    // hyper's own timer would be set anew for each request; `Pulse` sees the same slowness without one.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(1 << 16);
    http.http2().timer(TokioTimer::new()).max_header_list_size(1 << 14);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = serving.as_mut() => return log_end(result),
        () = pulse.gone_quiet(&limits) => return,
        () = shutdown.wait() => serving.as_mut().graceful_shutdown(),
    }
    // Past the grace the connection is dropped as it is.
    if let Ok(result) = tokio::time::timeout(Duration::from_millis(limits.grace_ms), serving).await {
        log_end(result);
    }
}

fn log_end<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!("a connection ended: {error}");
    }
}

async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    flight: Flight,
    limits: Arc<Bounds>,
) -> Result<Response<Answer>, std::convert::Infallible> {
    let result = if request.body().is_end_stream() {
        router.call(request.map(|_| Body::empty())).await
    } else {
        with_body(router, request, &limits).await
    };
    let Ok(response) = result;
    Ok(response.map(|body| Answer { body, _flight: flight }))
}

/// Hands on a request whose body is bounded in length and time; answers for the router when a bound was met.
async fn with_body(
    mut router: Router,
    request: Request<Incoming>,
    limits: &Bounds,
) -> Result<Response, std::convert::Infallible> {
    let long = limits.long_bodies.as_ref().filter(|long| long.path == request.uri().path());
    let most = long.map_or(limits.body_bytes, |long| long.body_bytes);
    let left = u64::try_from(most).unwrap_or(u64::MAX);
    let end = Arc::new(AtomicU8::new(OPEN));
    // Given back once the answer is there: then nobody has the body any more.
    let share = long.map(|_| Arc::new(Share { room: Arc::clone(&limits.room), taken: AtomicUsize::new(0) }));
    let bounded = |body, left, share| {
        let end = Arc::clone(&end);
        Bounded { body, left, body_ms: limits.body_ms, sleep: None, share, refused: false, end }
    };
    if request.body().size_hint().lower() > left {
        let mut rest = bounded(request.into_body(), left.saturating_add(DRAIN_BYTES), None);
        while let Some(Ok(_)) = rest.frame().await {}
        return Ok(too_long(most));
    }
    let mut request = request.map(|body| Body::new(bounded(body, left, share.clone())));
    // The bound is ours: axum's own would refuse 2 MiB, in words of its own.
    DefaultBodyLimit::disable().apply(&mut request);
    let response = router.call(request).await?;
    Ok(match end.load(Ordering::Relaxed) {
        TOO_LONG => too_long(most),
        TOO_SLOW => {
            let detail = format!("the request body did not arrive within {} ms", limits.body_ms);
            closing(problem(408, "body-too-slow", detail))
        }
        BROKEN => {
            closing(problem(400, "body-broken", "the request body is not framed as HTTP has it, or was cut off".into()))
        }
        NO_ROOM => {
            let detail = "other requests' bodies take up all the memory that there is for them; nothing was taken";
            let mut response = closing(problem(503, "no-room", detail.into()));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        _ => response,
    })
}

fn too_long(most_bytes: usize) -> Response {
    let detail = format!("the request body has more than {most_bytes} bytes");
    closing(problem(413, "body-too-long", detail))
}

/// What a long body takes of the memory that all share.
struct Share {
    room: Arc<AtomicUsize>,
    /// Bytes.
    taken: AtomicUsize,
}

impl Share {
    /// Takes this many bytes more; false if there are not so many.
    fn take(&self, bytes: usize) -> bool {
        let fits = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok();
        if fits {
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.fetch_add(self.taken.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// What is left of a body that nobody reads must not be taken for the next request.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// How a connection lives: requests in flight, and since when there are none.
struct Pulse {
    start: Instant,
    /// Requests whose answer has not been handed to the connection yet. Written by [`Flight`] alone.
    in_flight: AtomicUsize,
    /// When the last of them ended, in ms since `start`; 0 before the first.
    quiet_since_ms: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { start: Instant::now(), in_flight: AtomicUsize::new(0), quiet_since_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns when the connection has been without a request for too long.
    async fn gone_quiet(&self, limits: &Limits) {
        loop {
            let now_ms = self.now_ms();
            let (since_ms, limit_ms) = match self.quiet_since_ms.load(Ordering::Relaxed) {
                0 => (0, limits.header_ms),
                since_ms => (since_ms, limits.idle_ms),
            };
            let due_ms = match self.in_flight.load(Ordering::Relaxed) {
                0 => since_ms.saturating_add(limit_ms),
                _ => now_ms.saturating_add(limits.idle_ms),
            };
            if due_ms <= now_ms {
                return;
            }
            tokio::time::sleep(Duration::from_millis(due_ms - now_ms)).await;
        }
    }
}

/// One request in flight, from its head to the last byte of its answer.
struct Flight(Arc<Pulse>);

impl Flight {
    fn start(pulse: &Arc<Pulse>) -> Self {
        pulse.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(pulse))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.quiet_since_ms.store(self.0.now_ms().max(1), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body, that keeps its request in flight.
struct Answer {
    body: Body,
    _flight: Flight,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

const OPEN: u8 = 0;
const TOO_LONG: u8 = 1;
const TOO_SLOW: u8 = 2;
const BROKEN: u8 = 3;
const NO_ROOM: u8 = 4;

/// A request's body, bounded in length and time.
struct Bounded {
    body: Incoming,
    left: u64,
    body_ms: u64,
    /// Set the first time that a part of the body is not there yet.
    sleep: Option<Pin<Box<Sleep>>>,
    /// What a long body takes of the memory that all share.
    share: Option<Arc<Share>>,
    /// There is no room: the rest is read and dropped, so that its sender gets to read why it is refused.
    refused: bool,
    /// Which bound was met; read by [`with_body`] once the router has answered.
    end: Arc<AtomicU8>,
}

impl Bounded {
    fn stop(&self, end: u8, kind: io::ErrorKind) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.end.store(end, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(kind)))))
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let Some(frame) = frame else {
                return if self.refused { self.stop(NO_ROOM, io::ErrorKind::OutOfMemory) } else { Poll::Ready(None) };
            };
            let frame = frame.map_err(|error| {
                self.end.store(BROKEN, Ordering::Relaxed);
                axum::Error::new(error)
            })?;
            let len = frame.data_ref().map_or(0, Bytes::len);
            match u64::try_from(len).ok().and_then(|len| self.left.checked_sub(len)) {
                Some(left) => self.left = left,
                None => return self.stop(TOO_LONG, io::ErrorKind::FileTooLarge),
            }
            self.refused = self.refused || self.share.as_ref().is_some_and(|share| !share.take(len));
            if !self.refused {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        let body = Duration::from_millis(self.body_ms);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(body)));
        ready!(sleep.as_mut().poll(cx));
        self.stop(TOO_SLOW, io::ErrorKind::TimedOut)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Client, ClientError};
    use crate::shutdown::Trigger;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    struct Running {
        address: SocketAddr,
        trigger: Trigger,
        server: JoinHandle<()>,
        /// The handler of `/slow` has begun; it ends when notified.
        begun: Arc<Notify>,
        finish: Arc<Notify>,
    }

    async fn start(limits: Limits) -> Running {
        let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
            async move |_body: Bytes| {
                begun.notify_one();
                finish.notified().await;
                "at last"
            }
        };
        let router = Router::new()
            .route("/hello", get(async || "hello"))
            .route("/echo", post(async |body: Bytes| body))
            .route("/slow", get(slow.clone()).post(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::new();
        let server = tokio::spawn(serve(listener, router, limits, shutdown));
        Running { address, trigger, server, begun, finish }
    }

    /// Writes these bytes on a connection of its own, and reads until the server closes it.
    async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn requests_and_the_length_limit() {
        let running = start(Limits { body_bytes: 5, ..Limits::default() }).await;
        let (client, url) = (Client::new(), format!("http://{}", running.address));
        let reply = client.get(&format!("{url}/hello"), 5).await.unwrap();
        assert_eq!((reply.status, reply.body.as_ref()), (200, b"hello".as_slice()));
        let too_long = ClientError::TooLong { url: format!("{url}/hello"), max_bytes: 4 };
        assert_eq!(client.get(&format!("{url}/hello"), 4).await, Err(too_long));
        assert_eq!(client.get(&format!("{url}/nothing"), 5).await.unwrap().status, 404);

        let echo =
            async |body| client.post(&format!("{url}/echo"), "text/plain", Bytes::from(body), 1000).await.unwrap();
        assert_eq!(echo(vec![b'a'; 5]).await.body.as_ref(), b"aaaaa");
        for len in [6, 500_000] {
            let reply = echo(vec![b'a'; len]).await;
            assert_eq!((reply.status, reply.content_type.as_deref()), (413, Some("application/problem+json")));
            let expect = r#"{"type":"urn:glarus:refusal:body-too-long","title":"body too long","status":413,"detail":"the request body has more than 5 bytes"}"#;
            assert_eq!(reply.body.as_ref(), expect.as_bytes());
        }
        let chunked = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n6\r\naaaaaa\r\n0\r\n\r\n";
        assert!(raw(running.address, chunked).await.starts_with("HTTP/1.1 413 "));
        running.trigger.fire();
        running.server.await.unwrap();
    }

    #[tokio::test]
    async fn one_path_takes_longer_bodies_as_long_as_there_is_room() {
        let long_bodies = Some(LongBodies { path: "/slow", body_bytes: 500_000, together_bytes: 700_000 });
        let running = start(Limits { body_bytes: 5, long_bodies, ..Limits::default() }).await;
        let url = format!("http://{}", running.address);
        let post = |path: &str, len| {
            let url = format!("{url}{path}");
            async move { Client::new().post(&url, "text/plain", Bytes::from(vec![b'a'; len]), 1_000).await.unwrap() }
        };
        assert_eq!(post("/echo", 6).await.status, 413);
        let reply = post("/slow", 500_001).await;
        assert_eq!(reply.status, 413);
        assert!(reply.body.ends_with(br#""detail":"the request body has more than 500000 bytes"}"#));
        // While the first is not answered, there is no room for a second.
        let first = tokio::spawn(post("/slow", 500_000));
        running.begun.notified().await;
        let reply = post("/slow", 200_001).await;
        assert_eq!(reply.status, 503);
        assert!(reply.body.starts_with(br#"{"type":"urn:glarus:refusal:no-room""#), "{reply:?}");
        running.finish.notify_one();
        assert_eq!(first.await.unwrap().status, 200);
        let again = tokio::spawn(post("/slow", 500_000));
        running.finish.notify_one();
        assert_eq!(again.await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_body_that_is_not_framed_as_it_should_is_refused_in_our_words() {
        let running = start(Limits::default()).await;
        let broken = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n";
        let answer = raw(running.address, broken).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("urn:glarus:refusal:body-broken"), "{answer}");
    }

    #[test]
    fn what_can_be_listened_on() {
        for good in ["127.0.0.1:7370", "[::1]:0", "localhost:80"] {
            assert_eq!(listen_address(good).as_deref(), Ok(good));
        }
        for bad in ["", "foo", ":80", "127.0.0.1:", "127.0.0.1:7370x", "127.0.0.1:65536"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn slow_callers_are_let_go() {
        let short = Limits { header_ms: 20, body_ms: 20, idle_ms: 40, ..Limits::default() };
        let running = start(short).await;
        assert_eq!(raw(running.address, b"").await, "");
        assert_eq!(raw(running.address, b"GET /hello HTTP/1.1\r\nhost:").await, "");
        let half = raw(running.address, b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\naa").await;
        assert!(half.starts_with("HTTP/1.1 408 "), "{half}");
        let kept = raw(running.address, b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(kept.ends_with("\r\n\r\nhello"), "{kept}");
    }

    #[tokio::test]
    async fn what_was_accepted_is_finished() {
        let running = start(Limits { idle_ms: 1, ..Limits::default() }).await;
        let url = format!("http://{}/slow", running.address);
        let asked = tokio::spawn(async move { Client::new().get(&url, 100).await });
        running.begun.notified().await;
        running.trigger.fire();
        // The listener is gone before the answer is.
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!running.server.is_finished());
        running.finish.notify_one();
        assert_eq!(asked.await.unwrap().unwrap().body.as_ref(), b"at last");
        running.server.await.unwrap();
    }

    #[tokio::test]
    async fn grace_ends_and_deadlines_hold() {
        let running = start(Limits { grace_ms: 1, ..Limits::default() }).await;
        let url = format!("http://{}/slow", running.address);
        let deadline = ClientError::Deadline { url: url.clone(), deadline_ms: 10 };
        assert_eq!(Client::with_deadline_ms(10).get(&url, 100).await, Err(deadline));
        running.begun.notified().await;
        let asked = tokio::spawn(async move { Client::new().get(&url, 100).await });
        running.begun.notified().await;
        running.trigger.fire();
        running.server.await.unwrap();
        assert!(matches!(asked.await.unwrap(), Err(ClientError::Broken { .. })));
    }

    #[tokio::test]
    async fn connections_beyond_the_cap_wait() {
        let running = start(Limits { connections: 1, ..Limits::default() }).await;
        let url = format!("http://{}", running.address);
        let (slow, hello) = (format!("{url}/slow"), format!("{url}/hello"));
        let first = tokio::spawn(async move { Client::new().get(&slow, 100).await });
        running.begun.notified().await;
        let deadline = ClientError::Deadline { url: hello.clone(), deadline_ms: 20 };
        assert_eq!(Client::with_deadline_ms(20).get(&hello, 100).await, Err(deadline));
        running.finish.notify_one();
        first.await.unwrap().unwrap();
        assert_eq!(Client::new().get(&hello, 100).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn urls_that_are_not_asked() {
        for bad in ["", "example.com", "ftp://example.com/", "http://", "http:///path", "/path"] {
            assert_eq!(Client::new().get(bad, 0).await, Err(ClientError::Url { url: bad.into() }));
        }
        let url = "https://example.com/".to_string();
        assert_eq!(Client::new().get(&url, 0).await, Err(ClientError::Https { url }));
    }

    #[tokio::test]
    async fn http_2_on_the_same_port() {
        let running = start(Limits::default()).await;
        let stream = TcpStream::connect(running.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("http://{}/hello", running.address)).body(Body::empty()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.version(), hyper::Version::HTTP_2);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().as_ref(), b"hello");
    }
}
