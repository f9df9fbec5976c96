//! The debug server: what is inside, over HTTP, from a process whose runtime may be stuck.
//!
//! ```text
//!  gumption-debug            accepts; nothing else        acceptor.rs, places.rs
//!    ├─ gumption-debug-look  looks after the runtimes' health, once a second    look.rs ── known.rs
//!    └─ gumption-debug-conn  a thread a connection        connection.rs ── request.rs, query.rs ── door.rs
//!                                                              └─ table.rs ── answers/ ── response.rs
//! ```
//!
//! Start one with [`serve`], or with `GUMPTION_DEBUG=127.0.0.1:6060` in the environment ([`attend`](crate::attend)), and
//! read with a browser, `curl`, `go tool pprof`, Prometheus or `gumption dump`, `diff`, `doctor`, `leaks`. `/` lists what
//! there is; [`ENDPOINTS`] is the same as data.
//!
//! ```
//! let server = gumption_introspect::serve("127.0.0.1:0")?;
//! println!("see http://{}/", server.local_addr());
//! drop(server);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! **It runs beside the runtime, not inside.** Its threads are the operating system's, its sockets block, and no task, no
//! machine and no timer of Gumption is under it. What it reads is read without a lock that a task could hold, so it answers
//! while every processor is hogged. It wakes nobody: to look is not to touch.
//!
//! **It is not open to the world.** It listens on loopback. Anywhere else it wants a [token](Serving::token), and says so
//! otherwise. What changes something wants a token everywhere. A web page that is made to look like 127.0.0.1 is turned
//! away by the name that it asks for (`door.rs`).
//!
//! **It is bounded.** Connections, the bytes and headers of a request, the time that a request takes to come in and an answer
//! to go out, requests a second, dumps at once, bytes of an answer: each has its limit in [`Limits`], and who meets one is
//! told which. A new connection that finds all places taken gets that of whoever has been silent for the longest time, so
//! clients that say nothing keep nobody out. A panic in an answer ends that answer, with status 500.
//!
//! The invariant: whatever a client sends or does not send, the process goes on as before. `tests/parser.rs`,
//! `tests/serve/`.

mod acceptor;
mod answers;
mod connection;
mod door;
mod house;
mod index;
mod known;
mod limits;
mod look;
mod places;
mod query;
mod request;
mod response;
mod runtimes;
mod table;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use gumption_core::runtime::Handle;

use crate::ring::Ring;
use acceptor::Acceptor;
use house::House;
use runtimes::Runtimes;

pub use limits::Limits;
pub use table::{ENDPOINTS, Endpoint, Parameter};

/// What the tests throw bytes at.
#[doc(hidden)]
pub mod internals {
    pub use super::query::decoded;
    pub use super::request::{Method, Read, Request, read};
    pub use super::response::{Refusal, Response, Status};
    use super::*;

    /// A server without sockets: bytes in, bytes out.
    #[derive(Debug)]
    pub struct Deaf(House);

    impl Deaf {
        /// One that looks at `runtimes`.
        pub fn new(limits: Limits, token: Option<&str>, runtimes: Vec<Handle>) -> Self {
            Self(House::new(limits, token.map(str::to_owned), Runtimes::These(runtimes), None))
        }

        /// The answer to what `bytes` begins with, if that is a whole request.
        pub fn answer(&self, bytes: &[u8]) -> Option<Response> {
            match read(bytes, &self.0.limits) {
                Ok(Read::Partial) => None,
                Ok(Read::Whole(request, _)) => Some(table::answer(&self.0, &request, None)),
                Err(refusal) => Some(refusal.into()),
            }
        }
    }
}

/// A server to be: what it shows, to whom, within which bounds.
///
/// ```
/// use gumption_introspect::Serving;
///
/// let server = Serving::new().token("correct horse").bind("0.0.0.0:0")?;
/// assert_ne!(server.local_addr().port(), 0);
/// assert!(Serving::new().bind("0.0.0.0:0").is_err(), "not without a token");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it serves nobody before `bind`"]
pub struct Serving {
    token: Option<String>,
    limits: Limits,
    runtimes: Runtimes,
    ring: Option<Arc<Ring>>,
}

impl Default for Serving {
    fn default() -> Self {
        Self::new()
    }
}

impl Serving {
    /// Every runtime of the process, without a token, within [`Limits::default`].
    pub fn new() -> Self {
        Self { token: None, limits: Limits::default(), runtimes: Runtimes::All, ring: None }
    }

    /// Every request must bring this token: `Authorization: Bearer TOKEN`, or `?token=TOKEN`. It also allows requests that
    /// change something, and addresses other than loopback. An empty one is refused by [`bind`](Serving::bind).
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Other bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// These runtimes only. Without this: all that are alive in the process when a request comes.
    pub fn runtimes(mut self, runtimes: impl IntoIterator<Item = Handle>) -> Self {
        self.runtimes = Runtimes::These(runtimes.into_iter().collect());
        self
    }

    /// Shows the snapshots of this ring at `/debug/ring`.
    pub fn ring(mut self, ring: Arc<Ring>) -> Self {
        self.ring = Some(ring);
        self
    }

    /// Begins to listen and to answer.
    ///
    /// # Errors
    /// When the address is none, is taken, is not loopback and there is no token, or threads cannot be started; the text
    /// says which address it was about.
    pub fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        if self.token.as_deref().is_some_and(|token| token.trim().is_empty()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the debug server's token is empty"));
        }
        let open = addresses.iter().find(|address| !address.ip().is_loopback());
        if let (None, Some(open)) = (&self.token, open) {
            let what = format!(
                "the debug server listens on {open} only with a token: set GUMPTION_DEBUG_TOKEN or call Serving::token, \
                 or listen on 127.0.0.1:{}",
                open.port()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        }
        let house = Arc::new(House::new(self.limits, self.token, self.runtimes, self.ring));
        let acceptor = Acceptor::start(&addresses, Arc::clone(&house)).map_err(|error| {
            let list: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            io::Error::new(error.kind(), format!("the debug server cannot listen on {}: {error}", list.join(", ")))
        })?;
        Ok(Server { acceptor, house })
    }
}

/// A running server. Dropping it closes it: the port is free, and its connections are closed, when that returns.
#[derive(Debug)]
#[must_use = "a server that is dropped is closed"]
pub struct Server {
    acceptor: Acceptor,
    house: Arc<House>,
}

impl Server {
    /// Where it listens: with the port that the system chose, if it was asked to.
    pub fn local_addr(&self) -> SocketAddr {
        self.acceptor.address()
    }

    /// Lets it run for as long as the process does.
    pub fn forever(self) {
        std::mem::forget(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.house.stop();
        self.acceptor.stop();
    }
}

/// Serves every runtime of this process on `address`, which must be loopback: `127.0.0.1:6060`. [`Serving`] has the rest.
///
/// # Errors
/// As [`Serving::bind`].
pub fn serve(address: impl ToSocketAddrs) -> io::Result<Server> {
    Serving::new().bind(address)
}
