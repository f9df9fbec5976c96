//! [`Limits`]: the bounds of a server.
//!
//! A client decides what it sends, how fast, how much it asks for and whether it takes the answer; each of that meets one of these
//! numbers. Who reads, admits, answers and sends asks here; what a client that meets a bound is told is theirs to say.

use std::time::Duration;

/// The bounds of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// *Bytes* of a request, its headers included.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// How long a request may take to come in, from its first byte to its last.
    pub head_time: Duration,
    /// How long a connection may be silent between two requests.
    pub idle_time: Duration,
    /// How long an answer may take to go out, from its first byte to its last.
    pub answer_time: Duration,
    /// *Bytes* of an answer. Twice as many may be on their way to all clients together.
    pub answer_bytes: usize,
    /// Requests a second, of all clients together, in the long run.
    pub requests_per_second: u32,
    /// Requests at a stroke.
    pub burst: u32,
    /// Dumps that are taken at once; others are told to come again.
    pub dumps: usize,
    /// Windows that are sampled at once: diagnoses and profiles.
    pub windows: usize,
    /// The longest window that can be asked for.
    pub longest_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32,
            head_bytes: 8 * 1024,
            headers: 64,
            head_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(60),
            answer_bytes: 256 << 20,
            requests_per_second: 100,
            burst: 200,
            dumps: 1,
            windows: 2,
            longest_window: Duration::from_secs(300),
        }
    }
}
