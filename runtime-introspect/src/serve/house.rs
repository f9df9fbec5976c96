//! What the answers are made of: the runtimes that are looked at, the limits, the gates, and the time that is left.
//!
//! One for a server, shared by its threads. An endpoint is given an [`Ask`]: the house, and the request that it answers. Whatever
//! lasts (a window of samples, a profile) waits with [`Ask::wait`], which ends early when the server stops or the client goes
//! away: a profile of five minutes holds up nobody's shutdown.
//!
//! It refuses to know sockets beyond asking whether the other end is still there.

use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gumption_core::runtime::Handle;

use super::door::{Door, Gate, Permit};
use super::known::Known;
use super::limits::Limits;
use super::request::Request;
use super::response::{Refusal, Status};
use super::runtimes::Runtimes;
use crate::length;
use crate::ring::Ring;

/// How often who waits looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(100);

/// What a server has.
#[derive(Debug)]
pub struct House {
    /// The bounds of everything.
    pub limits: Limits,
    /// Who may come in.
    pub door: Door,
    /// One dump at a time, or as many as the limits say.
    pub dumps: Gate,
    /// The same of windows that are sampled.
    pub windows: Gate,
    /// Bytes of answers that have not been sent.
    pub bytes: Gate,
    /// When the server began.
    pub begun: Instant,
    /// Snapshots, if some are kept.
    pub ring: Option<Arc<Ring>>,
    runtimes: Runtimes,
    known: Mutex<Known>,
    stopping: Mutex<bool>,
    stopped: Condvar,
}

impl House {
    /// A house without guests.
    pub fn new(limits: Limits, token: Option<String>, runtimes: Runtimes, ring: Option<Arc<Ring>>) -> Self {
        Self {
            door: Door::new(token, limits.requests_per_second, limits.burst),
            dumps: Gate::new(limits.dumps),
            windows: Gate::new(limits.windows),
            bytes: Gate::new(limits.answer_bytes.saturating_mul(2)),
            begun: Instant::now(),
            limits,
            ring,
            runtimes,
            known: Mutex::default(),
            stopping: Mutex::new(false),
            stopped: Condvar::new(),
        }
    }

    /// Ends every wait, now and from now on.
    pub fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.notify_all();
    }

    /// Whether [`House::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until the server stops: whether it stops.
    pub fn pause(&self, length: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stopped.wait_timeout_while(stopping, length, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// What is known of them over time.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtimes that are looked at.
    pub fn runtimes(&self) -> Vec<Handle> {
        self.runtimes.now()
    }
}

/// A request in the house.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The house.
    pub house: &'a House,
    /// The request.
    pub request: &'a Request,
    /// The other end, if there is one.
    pub client: Option<&'a TcpStream>,
}

impl Ask<'_> {
    /// The runtimes that this request is about: all of the house, or the one that `runtime=` names, by number or name.
    pub fn runtimes(&self) -> Result<Vec<Handle>, Refusal> {
        let mut all = self.house.runtimes();
        let Some(wanted) = self.request.query.one("runtime")? else { return Ok(all) };
        let known: Vec<String> = all.iter().map(title).collect();
        all.retain(|handle| handle.id().to_string() == wanted || handle.name() == Some(wanted));
        if all.is_empty() {
            let what = format!("runtime={wanted:?}: there is none; there is {}", known.join(", "));
            return Err(Refusal::new(Status::NotFound, what));
        }
        Ok(all)
    }

    /// `seconds=`, or `default`: how long to look. More than the limit is refused.
    pub fn seconds(&self, default: Duration) -> Result<Duration, Refusal> {
        let asked = self.request.query.duration("seconds")?.unwrap_or(default);
        let most = self.house.limits.longest_window;
        if asked > most {
            let what = format!("seconds: at most {}", most.as_secs());
            return Err(Refusal::new(Status::BadRequest, what));
        }
        Ok(asked)
    }

    /// Waits so long; less if the server stops or the client goes away, which is an error that nobody will read.
    pub fn wait(&self, time: Duration) -> Result<(), Refusal> {
        let end = length::deadline(time);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.house.pause(left.min(LOOK));
            self.goes_on()?;
        }
    }

    /// Whether there is still somebody to be answered; if not, an error that nobody will read.
    pub fn goes_on(&self) -> Result<(), Refusal> {
        if self.house.is_stopping() {
            return Err(Refusal::new(Status::Unavailable, "the server is being closed"));
        }
        if self.client.is_some_and(has_gone) {
            return Err(Refusal::new(Status::RequestTimeout, "the client has gone"));
        }
        Ok(())
    }

    /// Room for one dump.
    pub fn one_dump(&self) -> Result<Permit, Refusal> {
        let what = "another dump is being taken: try again";
        self.house.dumps.enter(1).ok_or_else(|| Refusal::for_now(Status::Unavailable, what, 1))
    }

    /// Room for one window.
    pub fn one_window(&self) -> Result<Permit, Refusal> {
        let what = "others are being sampled for: try again";
        self.house.windows.enter(1).ok_or_else(|| Refusal::for_now(Status::Unavailable, what, 5))
    }
}

/// `1 (main)`, or `1`.
pub fn title(handle: &Handle) -> String {
    match handle.name() {
        Some(name) => format!("{} ({name})", handle.id()),
        None => handle.id().to_string(),
    }
}

/// Whether the other end of a connection is closed. What it sends ahead is not taken.
fn has_gone(client: &TcpStream) -> bool {
    if client.set_nonblocking(true).is_err() {
        return true;
    }
    let gone = match client.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    client.set_nonblocking(false).is_err() || gone
}
