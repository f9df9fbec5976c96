//! Who is told of contention: of waits, where they begin and where they end, and of releases that somebody waited for.
//!
//! A profile of waits needs the stack of who begins to wait, and how long that lasted. Both are to be had in two places only:
//! inside the leaf that returns `Pending`, and where the task runs again. So core calls out there, to one
//! [`WaitWatcher`] in the process (`waits.rs`); it decides which waits it wants to hear the end of, and those are marked in the
//! task's wait word, which the next run clears anyway. A profile of locks needs who releases, and what that cost the others:
//! primitives ask [`releases`] on their slow path, and tell the [`ReleaseWatcher`] (`releases.rs`).
//!
//! ```text
//!   blocked_on  -- nobody watches: one relaxed load -->  on it goes
//!               -- begins(said) == true ------------->  wait word | WATCHED
//!   run, finish -- wait word without the mark ------->  on it goes
//!               -- with it: ends(word) ------------->   the time since is the watcher's to know
//! ```
//!
//! What it costs when nobody watches: a load and a branch that is never taken where a task says what it waits for, another where
//! a run clears what it said, and one where a release finds somebody waiting.
//!
//! A watcher is called on a thread that runs a task, inside the user's poll: it may unwind and note, and must not wait, wake,
//! or say itself that it waits. It is a static, so that who reads it after it was taken away reads something that is still
//! there; one that is late is told of waits that it knows nothing of, or not told of an end, and bears both.
//!
//! The two halves are files of their own because they stand at different heights: a wait is told of by the task, which knows no
//! resource, and a release by the resource.
//!
//! The checkers see nothing of this: nobody watches in a model, and nothing is ordered by it.

mod releases;
pub(crate) mod waits;

pub use releases::{ReleaseWatcher, Released, releases, watch_releases};
pub(crate) use waits::over;
pub use waits::{Place, Said, WaitEnd, WaitWatcher, watch_waits};
