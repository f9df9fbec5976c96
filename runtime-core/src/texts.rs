//! What the runtime says when it is used where it cannot be: the texts of its panics and of the errors that a runtime's
//! end brings.
//!
//! They are tokio's, word for word, and so they name tokio: programs and libraries match them (`should_panic(expected)`,
//! [`is_rt_shutdown_err`](crate::runtime::is_rt_shutdown_err)), people search for them, and whoever patched tokio by this
//! runtime calls it tokio in their manifest. Each stands here once, and is used by whoever has to say it: the core, the io
//! crate, the façade's primitives.
//!
//! Nothing here decides anything. A text says what is missing and what to call to have it; one that cannot say that does not
//! belong here.

use std::io;

/// A leaf was used on a thread that is in no runtime.
pub const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

/// The thread is ending, and what it knew of its runtime has gone.
pub const THREAD_ENDS: &str = "The Tokio context thread-local variable has been destroyed.";

/// The runtime of a leaf is shut down.
pub const SHUT_DOWN: &str = "A Tokio 1.x context was found, but it is being shutdown.";

/// A timer in a runtime that was built without them.
pub const NO_TIME: &str = "A Tokio 1.x context was found, but timers are disabled. \
                           Call `enable_time` on the runtime builder to enable timers.";

/// A clock was to be paused, resumed or advanced on a thread that is in no runtime.
pub const NO_CLOCK: &str = "time cannot be frozen from outside the Tokio runtime";

/// The clock of a multi-thread runtime was to be paused.
pub const CLOCK_OF_MANY: &str = "`time::pause()` requires the `current_thread` Tokio runtime. This is the default Runtime \
                                 used by `#[tokio::test]`.";

/// A clock was paused that stands.
pub const CLOCK_STANDS: &str = "time is already frozen";

/// A clock was resumed or advanced that goes.
pub const CLOCK_GOES: &str = "time is not frozen";

/// A clock was advanced beyond its end.
pub const CLOCK_ENDS: &str = "overflow when advancing the clock: it ends 584 years after the process began";

/// A socket in a runtime that was built without io.
pub const NO_IO: &str = "A Tokio 1.x context was found, but IO is disabled. \
                         Call `enable_io` on the runtime builder to enable IO.";

/// `block_on` inside `block_on` or a task.
pub const NESTED: &str = "Cannot start a runtime from within a runtime. This happens because a function (like `block_on`) \
                          attempted to block the current thread while the thread is being used to drive asynchronous \
                          tasks. If you are in an async function, use `.await` on the future instead of blocking on it.";

/// A primitive's blocking call on a thread that drives tasks.
pub const BLOCKS_INSIDE: &str = "Cannot block the current thread from within a runtime. This happens because a function \
                                 attempted to block the current thread while the thread is being used to drive \
                                 asynchronous tasks.";

/// A runtime was dropped by a task.
pub const DROPPED_INSIDE: &str = "Cannot drop a runtime in a context where blocking is not allowed. This happens when a \
                                  runtime is dropped from within an asynchronous context.";

/// A guard of `enter` was dropped before one that was made after it.
pub const OUT_OF_ORDER: &str = "`EnterGuard` values dropped out of order. Guards returned by `tokio::runtime::Handle::enter()` \
                                must be dropped in the reverse order as they were acquired.";

/// An operation of the file system was lost: the runtime ended before it began, or it panicked.
pub const LOST: &str = "background task failed";

/// The operating system refuses the blocking pool its first thread.
pub const NO_THREAD: &str = "OS can't spawn worker thread";

/// A task panicked in a runtime that ends on that.
pub const UNHANDLED_PANIC: &str =
    "a spawned task panicked and the runtime is configured to shut down on unhandled panic";

/// The error of a leaf whose runtime is shut down.
pub fn shut_down() -> io::Error {
    io::Error::other(SHUT_DOWN)
}
