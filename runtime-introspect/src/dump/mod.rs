//! Dumps: what every task is doing, taken without stopping any.
//!
//! A dump is a walk over the records of a runtime's tasks (`Handle::for_each_task`): relaxed loads of words that their owners
//! write anyway. No machine is woken, none waits, and no lock is held while user code runs. So each row is whole, and the
//! rows are not of one moment: a task that starts or ends meanwhile may be missing, all others are there exactly once.
//!
//! ```
//! use gumption_core::runtime::Runtime;
//! use gumption_introspect::{Inspect, dump::{Dump, Format, Level, Options}};
//!
//! let runtime: Runtime = Runtime::new()?;
//! println!("{}", runtime.dump(Level::Groups));
//! let mut options = Options::default();
//! options.filter.set("min-age", "5s").expect("it is a duration");
//! let all = Dump::of_process(Level::Tasks, &options);
//! std::fs::write(std::env::temp_dir().join("dump.json"), all.render(Format::Json))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | [`model`] | what a dump is: plain data |
//! | `gather`, `scene`, `options`, `sieve` | the walk; who is on a machine; what is told, and of whom |
//! | `group`, `row`, `descent`, `stacks` | level 1; a task of level 2, who spawned it, where it waits |
//! | `mains` | the futures of `block_on` |
//! | [`text`], `json`, `folded`, `format` | as what it is written |
//! | [`diff`] | what has changed from one to the next |
//!
//! # What an answer is worth
//!
//! | what | how exact |
//! | --- | --- |
//! | states, counts of wakers | of the moment at which that task's word was read |
//! | which tasks run | of the moment before the walk; a task that a local set polls is shown as runnable |
//! | since when a task waits | by the processors' coarse clock: half a millisecond late at most while anything runs |
//! | stacks | true when the task was polled for them; it may have gone on since |
//! | `busy_ns` | an estimate from one run in eight |
//!
//! Groups of a million tasks take about 50 ms on a busy machine, without stacks (`benches`, `dump_table`).

mod descent;
pub mod diff;
mod folded;
mod format;
mod gather;
mod group;
mod mains;
pub mod model;
mod options;
#[cfg(feature = "read-dumps")]
mod read;
mod row;
mod scene;
mod sieve;
mod stacks;
pub mod text;
mod way;

pub use crate::stack::{Frame, Node, Stack};
pub use format::Format;
pub use gather::dump;
pub use model::{
    Ancestor, Dump, Group, Level, MachineDump, ProcessorDump, ResourceDump, RuntimeDump, Site, State, TaskDump,
    ThreadDump, Wait,
};
pub use options::{Filter, Options};
#[cfg(feature = "read-dumps")]
pub use read::NotADump;
pub use text::{Shape, Text};
