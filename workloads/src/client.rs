//! The other end of a debug server: fetches one page, within bounds, and says in one line why not.
//!
//! Blocking, without TLS and without redirects: a debug server is on loopback, or behind somebody's tunnel. No proxy is asked,
//! whatever the environment says, because it would be asked for somebody else's 127.0.0.1.

use std::time::Duration;

use serde_json::Value;

/// The port that is meant if none is written: Go's.
const PORT: u16 = 6060;
/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take beyond what it was asked to wait for.
const ANSWER: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const MOST_BYTES: u64 = 1 << 30;
/// Where the token is, if none is given.
pub const TOKEN: &str = "GUMPTION_DEBUG_TOKEN";

/// The token that the environment has. A variable that is set to nothing gives none.
pub fn token() -> Option<String> {
    std::env::var(TOKEN).ok().filter(|token| !token.trim().is_empty())
}

/// A debug server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    token: Option<String>,
}

impl Client {
    /// The server at `url`: `http://127.0.0.1:6060`, `127.0.0.1:6060`, `localhost` or `:6060`.
    ///
    /// # Errors
    /// One line, if that is no address of a server.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, String> {
        let wrong = || format!("{url:?} is no address; right would be 127.0.0.1:{PORT} or http://127.0.0.1:{PORT}");
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => {
                return Err(format!("{url:?}: {scheme} is not spoken; right would be http://127.0.0.1:{PORT}"));
            }
            None => url,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ if authority.parse::<u16>().is_ok() => ("", authority.parse().map_err(|_| wrong())?),
            _ => (authority, PORT),
        };
        let host = if host.is_empty() && (port != PORT || !authority.is_empty()) { "127.0.0.1" } else { host };
        let is_named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_named) || (host.contains(':') && !host.starts_with('[')) {
            return Err(wrong());
        }
        Ok(Self { base: format!("http://{host}:{port}"), token: token.or_else(self::token) })
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What is at `target`, which may take as long as `wait` by itself.
    ///
    /// # Errors
    /// One line: it cannot be reached, it is no Gumption, or what it said instead.
    pub fn get(&self, target: &str, wait: Duration) -> Result<String, String> {
        let base = &self.base;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(CONNECT + ANSWER + wait))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let mut request = agent.get(format!("{base}{target}"));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().map_err(|error| {
            format!("{base} cannot be read: {error}; is a program with GUMPTION_DEBUG set, or that calls serve(), listening there?")
        })?;
        let is_gumption = response.headers().get("server").is_some_and(|server| server.as_bytes() == b"gumption");
        let status = response.status();
        if !is_gumption {
            return Err(format!("{base} answers ({status}), and is no debug server of Gumption's"));
        }
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        let text = body.map_err(|error| format!("the answer of {base} breaks off: {error}"))?;
        if status.is_success() {
            return Ok(text);
        }
        let hint = if status.as_u16() == 401 { format!(" (here: --token, or {TOKEN})") } else { String::new() };
        Err(format!("{base} says {}: {}{hint}", status.as_u16(), text.trim().replace('\n', " ")))
    }

    /// The same, as JSON.
    ///
    /// # Errors
    /// As there; and if it is not JSON.
    pub fn json(&self, target: &str, wait: Duration) -> Result<Value, String> {
        let text = self.get(target, wait)?;
        serde_json::from_str(&text).map_err(|error| format!("{} does not answer in JSON: {error}", self.base))
    }
}

/// A text as a parameter's value.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut safe, byte| {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_neither_scheme_nor_port() {
        for (written, meant) in [
            ("127.0.0.1:7070", "http://127.0.0.1:7070"),
            ("http://127.0.0.1:7070/", "http://127.0.0.1:7070"),
            ("http://localhost:7070/debug/pprof/?x", "http://localhost:7070"),
            ("localhost", "http://localhost:6060"),
            ("http://svc.example", "http://svc.example:6060"),
            (":7070", "http://127.0.0.1:7070"),
            ("7070", "http://127.0.0.1:7070"),
            ("[::1]:7070", "http://[::1]:7070"),
            ("[::1]", "http://[::1]:6060"),
        ] {
            assert_eq!(Client::new(written, None).map(|client| client.base).as_deref(), Ok(meant), "{written}");
        }
        for written in
            ["", "http://", "https://127.0.0.1", "127.0.0.1:port", "::1", "a b", "127.0.0.1:65536", "user@host"]
        {
            let said = Client::new(written, None).expect_err(written);
            assert!(said.contains("127.0.0.1:6060") && !said.contains('\n'), "{written}: {said}");
        }
    }

    #[test]
    fn a_value_is_encoded() {
        assert_eq!(encoded("chan receive:é&"), "chan%20receive%3A%C3%A9%26");
    }
}
