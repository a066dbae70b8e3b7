//! HTTP, both sides: [`serve`] runs a router behind limits, [`Client`] asks, [`problem`] is how we refuse.
//!
//! The server speaks HTTP/1.1 and HTTP/2 without TLS on one port; TLS is the business of whatever stands before it.

mod client;
mod server;

pub use client::{Client, ClientError, Reply};
pub use server::{Limits, LongBodies, announce, listen_address, serve};

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use spec::api::{self, Problem};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body that is made a piece at a time, as its reader takes it: none is kept for a slow one but the piece under way.
pub fn pieces(pieces: impl Iterator<Item = Bytes> + Send + Unpin + 'static) -> Body {
    Body::new(Pieces(pieces))
}

struct Pieces<I>(I);

impl<I: Iterator<Item = Bytes> + Unpin> HttpBody for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }
}

/// A refusal as problem details: `{"type":"urn:glarus:refusal:<name>","title":…,"status":…,"detail":…}`.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9457#section-3>
///
/// `name` is stable, kebab-case; the title says it in words. A status that is none becomes 500.
pub fn problem(status: u16, name: &str, detail: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Problem { name: name.into(), status: status.as_u16(), detail }.to_json();
    (status, [(header::CONTENT_TYPE, api::PROBLEM)], body).into_response()
}
