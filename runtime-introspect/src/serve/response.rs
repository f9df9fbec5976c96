//! What is sent back: a status, a type, a body; or a refusal, which is a status and one sentence.
//!
//! Every answer is whole in memory before its first byte is sent, so its length is known, and an endpoint that fails half way
//! answers with a status and not with half a page. The headers are the same for all: nothing is to be kept (a dump is old
//! when it has been read), no type to be guessed, no script, no frame and no other site to be loaded by a page, and no address
//! with a token in it to be told to another site.
//!
//! It refuses to know sockets; [`Response::head`] is bytes for whoever writes them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::json;

/// The statuses that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Here it is.
    Ok,
    /// It makes no sense.
    BadRequest,
    /// There is a token, and it was not this one.
    Unauthorized,
    /// Not from there, or not without a token.
    Forbidden,
    /// There is nothing of that name.
    NotFound,
    /// That is not done with it.
    MethodNotAllowed,
    /// It did not come in time.
    RequestTimeout,
    /// It had a body.
    ContentTooLarge,
    /// Too many of them.
    TooManyRequests,
    /// The head has too many bytes, or too many headers.
    HeadersTooLarge,
    /// A bug here.
    InternalError,
    /// Not yet, or not in this build.
    NotImplemented,
    /// Not now.
    Unavailable,
    /// The answer is larger than answers may be.
    InsufficientStorage,
}

impl Status {
    /// Its number and name.
    pub fn line(self) -> (u16, &'static str) {
        match self {
            Status::Ok => (200, "OK"),
            Status::BadRequest => (400, "Bad Request"),
            Status::Unauthorized => (401, "Unauthorized"),
            Status::Forbidden => (403, "Forbidden"),
            Status::NotFound => (404, "Not Found"),
            Status::MethodNotAllowed => (405, "Method Not Allowed"),
            Status::RequestTimeout => (408, "Request Timeout"),
            Status::ContentTooLarge => (413, "Content Too Large"),
            Status::TooManyRequests => (429, "Too Many Requests"),
            Status::HeadersTooLarge => (431, "Request Header Fields Too Large"),
            Status::InternalError => (500, "Internal Server Error"),
            Status::NotImplemented => (501, "Not Implemented"),
            Status::Unavailable => (503, "Service Unavailable"),
            Status::InsufficientStorage => (507, "Insufficient Storage"),
        }
    }
}

/// Why not.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// In a number.
    pub status: Status,
    /// In a sentence: what was wrong, and what would be right.
    pub what: String,
    /// After how many seconds it may be tried again.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), retry_after: None }
    }

    /// One that need not last.
    pub fn for_now(status: Status, what: impl Into<String>, seconds: u32) -> Self {
        Self { status, what: what.into(), retry_after: Some(seconds) }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// Under which name a browser is to keep it.
    pub file_name: Option<&'static str>,
    /// After how many seconds to try again.
    pub retry_after: Option<u32>,
    /// What may be done with the path, after a 405.
    pub allow: Option<&'static str>,
}

impl Response {
    /// An answer.
    pub fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let (status, body) = (Status::Ok, body.into());
        Self { status, content_type, body, file_name: None, retry_after: None, allow: None }
    }

    /// Text for people.
    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::new("text/plain; charset=utf-8", body)
    }

    /// A page.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new("text/html; charset=utf-8", body)
    }

    /// Text for programs.
    pub fn json(value: &impl Serialize) -> Result<Self, Refusal> {
        let failed =
            |error| Refusal::new(Status::InternalError, format!("the answer cannot be written as JSON: {error}"));
        let mut body = json::to_string(value).map_err(failed)?;
        body.push('\n');
        Ok(Self::new("application/json", body))
    }

    /// A file for a program.
    pub fn file(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { file_name: Some(name), ..Self::new("application/octet-stream", body) }
    }

    /// Everything before the body.
    pub fn head(&self, keep_alive: bool) -> Vec<u8> {
        let (number, name) = self.status.line();
        let mut head = format!(
            "HTTP/1.1 {number} {name}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
             Server: gumption\r\n",
            self.content_type,
            self.body.len(),
            if keep_alive { "keep-alive" } else { "close" },
        );
        // Writing to a String does not fail.
        if let Some(name) = self.file_name {
            let _ = write!(head, "Content-Disposition: attachment; filename=\"{name}\"\r\n");
        }
        if let Some(seconds) = self.retry_after {
            let _ = write!(head, "Retry-After: {seconds}\r\n");
        }
        if let Some(methods) = self.allow {
            let _ = write!(head, "Allow: {methods}\r\n");
        }
        if self.status == Status::Unauthorized {
            head.push_str("WWW-Authenticate: Bearer realm=\"gumption\"\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let body = format!("{}\n", refusal.what);
        Self { status: refusal.status, retry_after: refusal.retry_after, ..Self::text(body) }
    }
}

/// What an endpoint returns.
pub type Answer = Result<Response, Refusal>;
