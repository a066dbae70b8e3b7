//! The client: connections kept and used again, a deadline for each request, answers of bounded length.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::time::Duration;

const DEADLINE_MS: u64 = 10_000;
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Asks over HTTP. Cloning it shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    deadline_ms: u64,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header `content-type`.
    pub content_type: Option<String>,
    /// The header `location`; redirections are not followed.
    pub location: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL that can be asked.
    #[error("{url:?} is not a URL like http://example.com:7370/path")]
    Url {
        /// What was asked.
        url: String,
    },
    /// TLS is not spoken here.
    #[error("{url}: https is not spoken here; ask over http on a trusted network, or by a local TLS proxy")]
    Https {
        /// What was asked.
        url: String,
    },
    /// No connection, or it broke.
    #[error("{url}: {cause}")]
    Broken {
        /// What was asked.
        url: String,
        /// What happened.
        cause: String,
    },
    /// No whole answer in time.
    #[error("{url}: no answer within {deadline_ms} ms")]
    Deadline {
        /// What was asked.
        url: String,
        /// How long was waited.
        deadline_ms: u64,
    },
    /// The answer is longer than the caller reads.
    #[error("{url}: the answer has more than {max_bytes} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// The most that is read.
        max_bytes: usize,
    },
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client that waits 10 s for an answer.
    pub fn new() -> Self {
        Self::with_deadline_ms(DEADLINE_MS)
    }

    /// A client that waits this long, from connecting to the last byte of the answer.
    pub fn with_deadline_ms(deadline_ms: u64) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(connector);
        Self { pool, deadline_ms }
    }

    /// Gets.
    ///
    /// # Errors
    /// [`ClientError`]. An answer of any status is a [`Reply`].
    pub async fn get(&self, url: &str, max_bytes: usize) -> Result<Reply, ClientError> {
        self.ask(Method::GET, url, None, Bytes::new(), max_bytes).await
    }

    /// Posts.
    ///
    /// # Errors
    /// [`ClientError`]. An answer of any status is a [`Reply`].
    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Reply, ClientError> {
        self.ask(Method::POST, url, Some(content_type), body, max_bytes).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        content_type: Option<&str>,
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Reply, ClientError> {
        let request = request(method, url, content_type, body)?;
        let deadline = Duration::from_millis(self.deadline_ms);
        match tokio::time::timeout(deadline, self.exchange(url, request, max_bytes)).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Deadline { url: url.into(), deadline_ms: self.deadline_ms }),
        }
    }

    async fn exchange(&self, url: &str, request: Request<Full<Bytes>>, max_bytes: usize) -> Result<Reply, ClientError> {
        let broken = |error: &dyn Error| ClientError::Broken { url: url.into(), cause: chain(error) };
        let too_long = || ClientError::TooLong { url: url.into(), max_bytes };
        let response = self.pool.request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        if body.size_hint().lower() > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
            return Err(too_long());
        }
        let whole = Limited::new(body, max_bytes)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { too_long() } else { broken(error.as_ref()) })?;
        Ok(Reply {
            status: head.status.as_u16(),
            content_type: text(&head.headers, &header::CONTENT_TYPE),
            location: text(&head.headers, &header::LOCATION),
            body: whole.to_bytes(),
        })
    }
}

fn request(
    method: Method,
    url: &str,
    content_type: Option<&str>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let refused = || ClientError::Url { url: url.into() };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    match uri.scheme_str() {
        Some("http") if uri.host().is_some_and(|host| !host.is_empty()) => {}
        Some("https") => return Err(ClientError::Https { url: url.into() }),
        _ => return Err(refused()),
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    if let Some(content_type) = content_type {
        let value = HeaderValue::from_str(content_type).map_err(|_| refused())?;
        request.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    Ok(request)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(String::from)
}

/// An error and what caused it, in one line: `client error (Connect): tcp connect error: Connection refused`.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
