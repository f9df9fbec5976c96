//! Leaks, proven: tasks that can never run again, and tasks that wait for each other; and, kept apart, what merely looks like that.
//!
//! A garbage collector proves that nobody can reach a channel. Here there is none, but there are counts, and exact ones.
//!
//! # What is proven, and why it is true
//!
//! **No waker left.** A task runs only if a waker of it is used, and a waker is made only of a waker or inside a poll. An idle task
//! without a waker therefore stays idle. One load of one word shows it
//! ([`Bits::is_stranded`](gumption_core::task::Bits::is_stranded)), and the model `waker_count_exact` that the count is right. A
//! `pending()` that nobody can wake is such a task, too: it can never run again, whether that was meant or not.
//!
//! **A circle.** Of an idle task with one waker, in an exact wait ([`wait`](gumption_core::wait)), the waker is in the queue of one
//! resource. So it runs only after that is let go by the task that has it, or enough of its permits by those who have them, or after
//! the task that it joins ends; one that is not in front of the queue, only after the one in front. If that one waits
//! in the same way, and so on until somebody waits for one that is in the chain already, or is dead by itself, then none of
//! them runs again. The set is found by taking all for dead and letting go whoever can be helped from outside (`knot.rs`).
//!
//! **Why two looks suffice.** The first look is of many moments, and what it shows may never have been true at once. So it is taken
//! again: *after* all of the first look each task of the set is confirmed by [`Row::again`](gumption_core::task::Row::again), idle, with
//! one waker, in the wait of the same beginning; and after all of that the owners are read again, and are the same. A task whose
//! waits at both looks began at the same moment has not run between them. So there is a moment, between the looks, at which
//! all of them were idle together. Suppose one of them ran later. The confirmation is one of the changes of its state word, so the
//! run comes after it; and its cause is a release by another one of the set, in a run that comes after *that* one's confirmation, and
//! has a cause in the set, too. There is a first such run, and it has no cause. An owner that was let go in an earlier run could not
//! have been read: who confirms a task sees what its last run left. And a task that was given what it waits for and has not been woken
//! yet, which a suspended thread can leave like that for long, is in no exact wait any more before anybody can read that it is the owner.
//!
//! # The premises
//!
//! - *Nobody aborts them.* An abort, or the end of the runtime, ends any task.
//! - *A guard that borrows its lock is still with the task that acquired it.* Of guards that were made to be sent away
//!   (`lock_owned`, ...) nothing is concluded, nor of a lock of which a guard was ever let go by another task than acquired it. What
//!   remains is a guard of a lock that lives for ever, sent away for the first time.
//! - *A join handle that a task awaits is not given away while it waits.*
//! - *Nobody adds permits to a semaphore, or closes it, who never did so before.* One to which permits were ever added, or of which some
//!   were forgotten, is part of no proof.
//!
//! # What is not seen
//!
//! For now permits and read locks prove nothing at all: a healthy program under stress was once found in a circle of them, and
//! `prove.rs` leaves them out until that is understood. After that, too,
//! those that were taken before anybody had waited for their semaphore or lock, and those beyond the first few: they are
//! counted, not named, and may belong to the living. A task that waits for several things at once. A task whose lock is waited for by an
//! executor inside of it (`FuturesUnordered`), because the waker there is not its own.
//!
//! # What is suspected
//!
//! What has no proof, by age and trend over several looks of a [`Watcher`]. A single look suspects nobody. Nothing moves from there to
//! the other lists.
//!
//! Called by people, by the debug server, by tests at their end. It refuses to end or wake anybody.

mod knot;
mod model;
mod prove;
mod text;
mod watcher;

pub use model::{Cycle, Leaks, Proven, Step, Suspect, Why};
pub use prove::{everywhere, leaks};
pub use watcher::{LOOKS, Watcher};
