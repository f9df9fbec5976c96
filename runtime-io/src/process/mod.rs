//! Child processes: started, talked to, waited for, and never left behind.
//!
//! ```text
//! Command::spawn --fork, exec--> the child        Child { stdin, stdout, stderr: pipes that never block }
//!                                   |   end                    |
//!          its pidfd turns readable <                          | wait: the pidfd's readiness, then waitpid
//!          or SIGCHLD, where there are no pidfds               v
//!                                                         ExitStatus
//! ```
//!
//! | file | noun |
//! | --- | --- |
//! | `command.rs` | [`Command`]: what to start, tokio's builder over the standard library's |
//! | `child.rs` | [`Child`]: the handle |
//! | `running.rs` | a child that nobody has waited for yet, and what tells of its end |
//! | `pidfd_linux.rs`, `pidfd_none.rs` | a descriptor that is readable once a process has ended |
//! | `stdio.rs` | [`ChildStdin`], [`ChildStdout`], [`ChildStderr`] |
//! | `reaper.rs` | the orphans, and the thread that reaps them |
//!
//! **No zombies.** The invariant of this module: every child that [`Command::spawn`] started is waited for, by its
//! [`Child`] or, once that is dropped, by the reaper, also when no runtime is left and nobody calls anything any more.
//! [`Child`]'s drop asks once, without waiting; a child that still runs becomes an orphan, and one thread of the process,
//! which exists only while there are orphans, sleeps until one of them ends. A task on the netpoller would save that
//! thread, but it would die with its runtime, and it would be a task that nobody spawned in everybody's counts.
//!
//! Dropping a [`Child`] does not end the process, unless [`Command::kill_on_drop`] was asked for.
//!
//! Starting a process blocks its thread until the child has executed its program, as in the standard library: mostly
//! for less than a millisecond. This module refuses to wait for children that it did not start.

mod child;
mod command;
mod reaper;
mod running;
mod stdio;

#[cfg(target_os = "linux")]
#[path = "pidfd_linux.rs"]
mod pidfd;
#[cfg(not(target_os = "linux"))]
#[path = "pidfd_none.rs"]
mod pidfd;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
