//! The file system, through the blocking pool.
//!
//! No operating system that Gumption runs on can say when a regular file is ready: for the poll it always is, and a read
//! may take milliseconds nevertheless. So every operation here is a closure of the blocking pool
//! ([`gumption_core::spawn_blocking`]), on a thread that owns no processor, and its task waits for that closure
//! ([`WaitReason::BlockingPool`](gumption_core::wait::WaitReason::BlockingPool)).
//!
//! A hop to the pool and back costs far more than a small read that hits the page cache. Ask for much at once: [`read`] and
//! [`write`](write()) a file whole, put a buffered reader or writer around a [`File`], or do a run of operations with `std::fs` in one
//! closure of your own. Pipes, terminals and other things that a poll does know are better served by `net::unix::pipe` and
//! `io::unix::AsyncFd`.
//!
//! | file | noun |
//! | --- | --- |
//! | `file.rs`, `file_io.rs` | [`File`] and its reading, writing and seeking |
//! | `work.rs`, `buffer.rs` | what a file has in flight, and the bytes that lie between |
//! | `turns.rs`, `lease.rs` | whose turn it is with a shared file; who still holds the descriptor |
//! | `open_options.rs`, `file_times.rs` | [`OpenOptions`], [`FileTimes`] |
//! | `contents.rs` | a file as a whole: [`read`], [`read_to_string`], [`write`](write()), [`copy`] |
//! | `path.rs` | what has a name: [`metadata`], [`rename`], [`remove_file`], links |
//! | `dir.rs`, `read_dir.rs` | [`DirBuilder`], [`create_dir`]; [`ReadDir`], [`DirEntry`] |
//! | `pool.rs` | the way there and back |
//!
//! **Dropping a future cancels the waiting, not the operation.** A closure that has begun runs to its end, one that has not
//! yet begun will, and what it returns is dropped. Only the end of the runtime stops the ones that have not begun; whoever
//! waits for such a one gets an error. The writes of a [`File`] are exempt: they have been reported as done, so they are, also
//! when the runtime ends first.
//!
//! Functions panic, as those of `spawn_blocking`, if they are awaited outside a runtime; on one that has been shut down they
//! return an error.
//!
//! Names, signatures and semantics are tokio's.

mod buffer;
mod contents;
mod dir;
mod file;
mod file_io;
mod file_times;
mod lease;
mod open_options;
mod path;
mod pool;
mod read_dir;
mod turns;
mod work;

pub use contents::{copy, read, read_to_string, write};
pub use dir::{DirBuilder, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use file::File;
pub use file_times::FileTimes;
pub use open_options::OpenOptions;
#[cfg(unix)]
pub use path::symlink;
pub use path::{
    canonicalize, hard_link, metadata, read_link, remove_file, rename, set_permissions, symlink_metadata, try_exists,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
