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
//! **Permits** that the dead are known to have are lost. If fewer are left of all that there are than the one in front asks for, it is
//! served only after one of the dead has given some back. All others, free ones and those of the living and of nobody knows whom, are
//! taken to come to it. A read lock is a permit, and a writer asks for all of them.
//!
//! **Why it is true.** A look is of many moments, and what it shows may never have been true at once; it only says of whom it may
//! be. Each of those is *confirmed* by [`Row::again`](gumption_core::task::Row::again): idle, with one waker, in that wait. After all of
//! that it is read who has what they wait for. And after all of *that* each is confirmed once more, in a wait that began at the same
//! moment; so it has not run in between, and all of them were idle together while it was read who has what.
//!
//! What was read is true of that time. A task that was read to have something has not let it go in a run before: who
//! confirms a task sees what its last run left. Nor was it given just then what it waits for. It may have been: a thread that
//! hands a lock or permits to one who waits can be suspended between that and the wake, for as long as it pleases the system. But
//! before anybody can read that the task has them, its wait is not exact any more, and the second confirmation shows it.
//!
//! And it stays true. Suppose one of them ran later. A confirmation is one of the changes of a task's state word, so the
//! run comes after it; and its cause is a release by another one of the set, in a run that comes after *that* one's confirmation, and
//! has a cause in the set, too. There is a first such run, and it has no cause.
//!
//! **The future of a `block_on`** is in this like a task, `main`'s among them: it has a record of the same kind, the same waker, counted in
//! the same way, and its thread polls it only after a wake. The wake of a thread for another reason does not: whatever rings it, the
//! right to run comes with a waker. One that waits for nothing that it could name, as in `block_on(pending())`, is not told of
//! by itself, since that is how a program keeps a runtime going.
//!
//! # The premises
//!
//! - *Nobody aborts them.* An abort, or the end of the runtime, ends any task.
//! - *A guard that borrows its lock is still with the task that acquired it.* Of guards that were made to be sent away
//!   (`lock_owned`, ...) nothing is concluded, nor of a lock of which a guard was ever let go by another task than acquired it. What
//!   remains is a guard of a lock that lives for ever, sent away for the first time; and one that the future of a `block_on`, which
//!   may borrow from its thread, has left where another thread of a scope takes it.
//! - *A join handle that a task awaits is not given away while it waits.*
//! - *Nobody adds permits to a semaphore to which nobody ever did, or closes it.* Everybody who has a reference could. One to which
//!   permits were ever added, or of which some were forgotten, meters or signals, and is part of no proof; of one whose permits were
//!   only ever taken and given back it is concluded that this remains so, and what is told about it says that.
//!
//! # What is not seen
//!
//! Permits and read locks that were taken before anybody had waited for their semaphore or lock, and those beyond the first few: they
//! are counted, not named, and may belong to the living. A task that waits for several things at once. A task whose lock is waited for by an
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
