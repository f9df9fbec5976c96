//! Bytes to a [`Request`], or why not.
//!
//! [`read`] is a pure function of what has come in so far: a request and how many bytes it took, a wish for more bytes, or a
//! [`Refusal`]. The syntax is httparse's; what it lets through is then held to what this server needs, which is little: a
//! GET, a HEAD or a POST of a path with a query, without a body. Everything else that HTTP knows is refused by name, so
//! there is no second parser behind this one that could understand the same bytes otherwise.
//!
//! It refuses to look at a socket, a clock or a token, and to allocate more than it was given.
//!
//! The invariant: for every sequence of bytes, however it was cut, the answer is one of the three, and no more than
//! [`Limits::head_bytes`] are ever wanted. `tests/parser.rs` throws bytes at it.

use std::str::from_utf8;

use super::limits::Limits;
use super::query::Query;
use super::response::{Refusal, Status};

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To read.
    Get,
    /// To read, without the body.
    Head,
    /// To change something.
    Post,
}

/// A request.
#[derive(Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// What with: what stands before the `?`.
    pub path: String,
    /// The parameters behind it.
    pub query: Query,
    /// Whom the client thinks that it talks to.
    pub host: Option<String>,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// What the client would like to be answered in.
    pub accept: Option<String>,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
}

/// What came of the bytes so far.
#[derive(Debug)]
pub enum Read {
    /// A request, and the number of bytes that it took.
    Whole(Request, usize),
    /// More bytes are needed.
    Partial,
}

/// Reads a request from the beginning of `bytes`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Read, Refusal> {
    let mut headers = vec![httparse::EMPTY_HEADER; limits.headers];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= limits.head_bytes => length,
        Ok(httparse::Status::Partial) if bytes.len() < limits.head_bytes => return Ok(Read::Partial),
        Ok(_) => return Err(too_large(format!("a request may have {} bytes", limits.head_bytes))),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(too_large(format!("a request may have {} headers", limits.headers)));
        }
        Err(wrong) => return Err(Refusal::new(Status::BadRequest, format!("this is no HTTP request: {wrong}"))),
    };
    request(&head).map(|request| Read::Whole(request, length))
}

fn too_large(what: String) -> Refusal {
    Refusal::new(Status::HeadersTooLarge, what)
}

fn request(head: &httparse::Request<'_, '_>) -> Result<Request, Refusal> {
    let bad = |what: String| Refusal::new(Status::BadRequest, what);
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        other => {
            let other = other.unwrap_or_default();
            return Err(Refusal::new(
                Status::NotImplemented,
                format!("{other:?}: only GET, HEAD and POST are answered"),
            ));
        }
    };
    let target = head.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(bad(format!("{target:?} is no path: it should begin with /")));
    }
    // A fragment is the client's own affair, and is not sent by those who know.
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let old = head.version == Some(0);
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: Query::parse(query)?,
        host: None,
        bearer: None,
        accept: None,
        keep_alive: !old,
    };
    for header in head.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let text =
            || from_utf8(header.value).map(str::trim).map_err(|_| bad(format!("{}: it is not text", header.name)));
        if is("host") {
            if request.host.replace(text()?.to_owned()).is_some() {
                return Err(bad("Host: it is there twice".to_owned()));
            }
        } else if is("authorization") {
            request.bearer = bearer(text()?).or(request.bearer);
        } else if is("accept") {
            request.accept = Some(text()?.to_owned());
        } else if is("connection") {
            let words = text()?.to_ascii_lowercase();
            let mut words = words.split(',').map(str::trim);
            request.keep_alive =
                if old { words.any(|word| word == "keep-alive") } else { words.all(|word| word != "close") };
        } else if is("content-length") && text()? != "0" || is("transfer-encoding") || is("expect") {
            let what = format!("{}: there is no body to be sent here; parameters go into the query", header.name);
            return Err(Refusal::new(Status::ContentTooLarge, what));
        }
    }
    if request.host.is_none() && !old {
        return Err(bad("Host: it is missing".to_owned()));
    }
    Ok(request)
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
