//! gumption-io: what the scheduler sleeps in, and everything that talks to the outside world.
//!
//! The core has a seam, [`gumption_core::driver::Driver`]: something that one idle M at a time sleeps in until an event, an
//! unpark or a deadline. This crate fills it with mio:
//!
//! ```text
//!    gumption-core                      gumption-io                         the kernel
//!  an M takes the seat --turn(limit)--> Netpoller --poll(limit)--> mio --> epoll / kqueue
//!  any thread ----------unpark()------> Wakeup    --wake()-------> mio --> eventfd
//!                                       Deadline  --arm(limit)-----------> timerfd (Linux)
//! ```
//!
//! Arrows run one way: the core knows nothing of this crate, and a runtime without io runs on the core's own
//! [`ThreadDriver`](gumption_core::driver::ThreadDriver). Idle Ms sleep here, to the precision of a timerfd.
//!
//! # A byte's way
//!
//! ```text
//!   TcpStream -> Evented ----registers----> Sources: slab of Records, mio's registry
//!      | poll_read: ready? no: waker into the Record, Pending            ^
//!      |                                                                 |
//!   the kernel --event: token--> Netpoller::turn --Record::set(generation, ready)--> wakers, in one batch
//!      |
//!   poll_read: ready? yes: read(2), until it would block
//! ```
//!
//! This crate refuses to decide who polls, when, and for how long: the scheduler does.

#[cfg(feature = "futures-io")]
pub mod compat;
pub mod describe;
pub mod fs;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod io;
pub mod net;
pub mod process;
pub mod signal;

mod evented;
mod home;
mod interest;
mod netpoller;
mod readiness;
mod slab;
mod sources;
mod uninit;
mod wakeup;

#[cfg(target_os = "linux")]
#[path = "cpu_linux.rs"]
mod cpu;
#[cfg(not(target_os = "linux"))]
#[path = "cpu_unknown.rs"]
mod cpu;

#[cfg(target_os = "linux")]
#[path = "deadline_timerfd.rs"]
mod deadline;
#[cfg(not(target_os = "linux"))]
#[path = "deadline_poll.rs"]
mod deadline;

pub use netpoller::Netpoller;

/// What models of single parts reach; not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::home::Home;
    pub use crate::interest::Ready;
    pub use crate::readiness::{Noted, POLLER, Place, Readiness, Seen, Who};
    pub use crate::slab::{Key, Record, Refused, Slab};
    pub use crate::sources::Sources;
    pub use crate::wakeup::{Fire, Wakeup};
    pub use mio::Token;
}
