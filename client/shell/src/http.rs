//! HTTP, both sides: [`serve`] runs a router behind limits, [`Client`] asks, [`problem`] is how we refuse.
//!
//! The server speaks HTTP/1.1 and HTTP/2 without TLS on one port; TLS is the business of whatever stands before it.

mod client;
mod server;

pub use client::{Client, ClientError, Reply};
pub use server::{Limits, announce, listen_address, serve};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// A refusal as problem details: `{"type":"urn:glarus:refusal:<name>","title":…,"status":…,"detail":…}`.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9457#section-3>
///
/// `name` is stable, kebab-case; the title says it in words. A status that is none becomes 500.
pub fn problem(status: u16, name: &str, detail: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "type": format!("urn:glarus:refusal:{name}"),
        "title": name.replace('-', " "),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
