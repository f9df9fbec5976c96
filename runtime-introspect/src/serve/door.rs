//! Who may come in, how often, and how many at a time.
//!
//! | what | against |
//! | --- | --- |
//! | the token, compared in constant time | who can reach the port and should not see inside |
//! | without a token: `Host` must name this machine's loopback | a web page whose name was made to point at 127.0.0.1 (DNS rebinding): a browser sends the page's name along |
//! | a token for what changes something, even on loopback | a page elsewhere that posts a form to 127.0.0.1 |
//! | a bucket of requests, filled at a rate | a client that asks in a loop |
//! | [`Gate`]s: so many dumps at once, so many windows being sampled, so many bytes on their way | several clients that each ask for what is dear |
//!
//! A gate never makes anybody wait: whoever finds it shut is told so, and when to come again. It refuses to know what is behind
//! it. The one invariant: a [`Permit`] is given back when it is dropped, however its holder ends.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::request::Request;
use super::response::{Refusal, Status};

/// What is asked at the door.
#[derive(Debug)]
pub struct Door {
    token: Option<String>,
    bucket: Mutex<Bucket>,
}

impl Door {
    /// A door that opens to `token`, and `per_second` times a second, in bursts of `burst`.
    pub fn new(token: Option<String>, per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second), f64::from(burst));
        Self { token, bucket: Mutex::new(Bucket { tokens: burst, per_second, burst, filled: Instant::now() }) }
    }

    /// Whether this request may be answered.
    pub fn admit(&self, request: &Request, now: Instant) -> Result<(), Refusal> {
        if !self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now) {
            return Err(Refusal::for_now(Status::TooManyRequests, "too many requests: ask less often", 1));
        }
        match &self.token {
            Some(token) => {
                let asked = request.bearer.iter().map(String::as_str).chain(request.query.all("token"));
                // All are compared: which one was right is nobody's business, either.
                if asked.fold(false, |known, given| known | same(token, given)) {
                    return Ok(());
                }
                let what = "a token is needed: send Authorization: Bearer TOKEN, or add ?token=TOKEN to the address";
                Err(Refusal::new(Status::Unauthorized, what))
            }
            None => match &request.host {
                Some(host) if !is_loopback(host) => {
                    let what = format!(
                        "Host: {host:?} is not this machine's loopback; ask for 127.0.0.1 or localhost, or give the server a token"
                    );
                    Err(Refusal::new(Status::Forbidden, what))
                }
                _ => Ok(()),
            },
        }
    }

    /// Whether this request, which was admitted, may change something.
    pub fn may_change(&self) -> Result<(), Refusal> {
        if self.token.is_some() {
            return Ok(());
        }
        let what = "this changes the process, which takes a token, and the server has none: \
                    set GUMPTION_DEBUG_TOKEN, or call Serving::token";
        Err(Refusal::new(Status::Forbidden, what))
    }
}

/// Whether two tokens are the same, in a time that tells no more than how long they are.
fn same(token: &str, given: &str) -> bool {
    let differs = token.bytes().zip(given.bytes()).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    token.len() == given.len() && black_box(differs) == 0
}

/// Whether a `Host` header's name, with or without a port, is this machine to itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    per_second: f64,
    burst: f64,
    filled: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.burst);
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// So much at once, and no more.
#[derive(Clone, Debug)]
pub struct Gate(Arc<AtomicUsize>);

impl Gate {
    /// A gate with room for so much.
    pub fn new(room: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(room)))
    }

    /// Takes so much of the room, if it is free.
    pub fn enter(&self, amount: usize) -> Option<Permit> {
        // Ordering: Relaxed; it counts, and orders nothing.
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(amount));
        taken.ok().map(|_| Permit { gate: self.clone(), amount })
    }
}

/// Room behind a gate, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Gate,
    amount: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Ordering: Relaxed; as in `enter`.
        self.gate.0.fetch_add(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn loopback_has_few_names() {
        for host in [
            "localhost",
            "localhost:6060",
            "LOCALHOST.",
            "127.0.0.1",
            "127.0.0.1:6060",
            "127.8.9.1:1",
            "[::1]:6060",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:6060",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::2]:1",
            "[::1",
            "10.0.0.1:6060",
            "::1]",
            ":6060",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_the_whole_token() {
        assert!(same("secret", "secret") && same("", ""));
        for given in ["", "s", "secre", "secret ", "Secret", "secrets", "terces"] {
            assert!(!same("secret", given), "{given}");
        }
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_its_rate() {
        let now = Instant::now();
        let mut bucket = Bucket { tokens: 3.0, per_second: 2.0, burst: 3.0, filled: now };
        assert_eq!((0..5).filter(|_| bucket.take(now)).count(), 3);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
        let much_later = now + Duration::from_secs(3_600);
        assert_eq!((0..5).filter(|_| bucket.take(much_later)).count(), 3);
    }

    #[test]
    fn a_gate_has_room_for_so_much() {
        let gate = Gate::new(3);
        let first = gate.enter(2).expect("it is free");
        assert!(gate.enter(2).is_none());
        let second = gate.enter(1).expect("one is left");
        drop(first);
        assert!(gate.enter(3).is_none());
        drop(second);
        assert!(gate.enter(3).is_some());
    }
}
