//! gumption-io: what the scheduler sleeps in, and in time everything that talks to the outside world.
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
//! [`ThreadDriver`](gumption_core::driver::ThreadDriver). Today idle Ms sleep here, to the precision of a timerfd; sockets, signals and
//! processes come next, each a source that is registered with the same poll and woken from the same turn.
//!
//! This crate refuses to decide who polls, when, and for how long: the scheduler does.

pub mod io;

mod netpoller;

#[cfg(target_os = "linux")]
#[path = "deadline_timerfd.rs"]
mod deadline;
#[cfg(not(target_os = "linux"))]
#[path = "deadline_poll.rs"]
mod deadline;

pub use netpoller::Netpoller;
