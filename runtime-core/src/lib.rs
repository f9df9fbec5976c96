//! Gumption's scheduler.

pub mod coop;
pub mod counters;
pub mod driver;
pub mod histogram;
pub mod policy;
pub mod schedtrace;
pub mod stats;
pub mod sync;
pub mod time;

mod context;
mod idle;
mod parker;
mod queue;
mod rand;
mod seat;
mod status;
mod timer;

/// What models, property tests and benches of single parts reach; not part of the API.
#[doc(hidden)]
pub mod internals {
    pub use crate::context::{HomeGuard, NoRuntime, set_home, with_home};
    pub use crate::idle::{Idle, MachineId, ProcessorId, Reclaim, Wake, WentIdle};
    pub use crate::parker::{Parked, Parker, Unparked};
    pub use crate::queue::{Chain, Injector, Link, NextSlot, Node, Put, Ring, Steal};
    pub use crate::rand::{Order, Rand};
    pub use crate::seat::{Seat, Seated, Sitter};
    pub use crate::status::{Exit, Seen, State, Status as ProcessorStatus};
    pub use crate::timer::{Armed, Cancel, Clock, FAR_FUTURE, Fired, Home, Status, Timer, Timers};
}
