//! [`Inspect`]: what can be asked of a runtime, as methods of its handle.
//!
//! ```
//! use gumption_core::runtime::Runtime;
//! use gumption_introspect::{Inspect, dump::Level};
//!
//! let runtime: Runtime = Runtime::new()?;
//! drop(runtime.spawn(std::future::pending::<()>()));
//! let dump = runtime.dump(Level::Groups);
//! assert_eq!(dump.live, 1);
//! println!("{dump}");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The answers are made elsewhere in this crate; here is only the way to ask.

use gumption_core::runtime::{Handle, Runtime};

use crate::dump::{self, Level, Options, RuntimeDump};
use crate::graph::{self, Graph};
use crate::leaks::{self, Leaks};

/// What can be asked of a runtime.
pub trait Inspect {
    /// The runtime.
    #[doc(hidden)]
    fn inspected(&self) -> &Handle;

    /// What every task is doing. Nothing is stopped or woken. See [`dump`](crate::dump).
    fn dump(&self, level: Level) -> RuntimeDump {
        self.dump_with(level, &Options::default())
    }

    /// The same, with stacks, of some tasks only, and so on.
    fn dump_with(&self, level: Level, options: &Options) -> RuntimeDump {
        dump::dump(self.inspected(), level, options)
    }

    /// Who waits for whom. See [`graph`](crate::graph).
    fn graph(&self) -> Graph {
        graph::graph(self.inspected())
    }

    /// Which tasks can never run again, proven; which wait for each other; what is suspected. See [`leaks`](crate::leaks).
    fn leaks(&self) -> Leaks {
        leaks::leaks(self.inspected())
    }
}

impl Inspect for Handle {
    fn inspected(&self) -> &Handle {
        self
    }
}

impl<D> Inspect for Runtime<D> {
    fn inspected(&self) -> &Handle {
        self.handle()
    }
}
