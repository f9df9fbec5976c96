//! Profiles: what `go tool pprof` reads.
//!
//! | profile | tells | costs |
//! | --- | --- | --- |
//! | [`goroutine`] | what all tasks are doing, from a dump | nothing while nobody asks |
//! | [`threadcreate`] | the threads of the runtimes, by why they were made | nothing while nobody asks |
//! | [`block`] | how long tasks wait, for what, and where | a load for each wait; more when it is on, see [`set_block_rate`] |
//! | [`mutex`] | who keeps others waiting | a load for each release that finds a waiter; more when it is on, see [`set_mutex_fraction`] |
//! | [`cpu`] | what the threads compute, and for which task | nothing while none is taken; a thousandth while one is |
//!
//! `GUMPTION_BLOCK_RATE` and `GUMPTION_MUTEX_FRACTION` in the environment switch the two on in a program as it is.
//!
//! Each is a [`Profile`]: [`gzip`](Profile::gzip) is what a file or an answer holds, [`text`](Profile::text) is for eyes,
//! [`minus`](Profile::minus) is the difference of two states, [`only`](Profile::only) what belongs to one label. [`over`] is what
//! happens in some seconds.
//!
//! ```
//! use gumption_introspect::profile;
//!
//! let threads = profile::threadcreate(&gumption_core::runtime::running());
//! std::fs::write(std::env::temp_dir().join("threads.pb.gz"), threads.gzip())?;      // go tool pprof -top threads.pb.gz
//! # std::fs::remove_file(std::env::temp_dir().join("threads.pb.gz"))?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod block;
mod cpu;
mod cpu_timers;
mod decode;
mod frames;
mod goroutine;
mod model;
mod mutex;
mod proto;
mod rate;
mod tally;
mod text;
mod threadcreate;

use std::time::Duration;

pub use block::{BLOCK_RATE, block, block_rate, set_block_rate};
pub use cpu::{CannotProfile, cpu, cpu_while};
pub use decode::DecodeError;
pub use goroutine::goroutine;
pub use model::{Call, Label, Line, Profile, Sample, Value, ValueKind};
pub use mutex::{MUTEX_FRACTION, mutex, mutex_fraction, set_mutex_fraction};
pub use threadcreate::threadcreate;

/// What is added to a profile while this thread sleeps: `?seconds=`.
///
/// ```
/// # use std::time::Duration;
/// use gumption_introspect::profile;
///
/// let waits = profile::over(Duration::from_millis(10), profile::block);
/// assert!(waits.duration_ns >= 10_000_000);
/// ```
pub fn over(time: Duration, take: impl Fn() -> Profile) -> Profile {
    let before = take();
    std::thread::sleep(time);
    take().minus(&before)
}
