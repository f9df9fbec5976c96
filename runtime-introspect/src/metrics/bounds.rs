//! The bounds of the labels: how many values each may have, and how many tasks a scrape may walk.
//!
//! A series is for ever in whoever stores it, so a label whose values follow the load would fill that. Each label has its limit
//! here; what does not fit is in a row `other`. The view, the text, the list of families and the reference page all read these
//! numbers, and nothing else decides how long an answer gets.

/// Spawn sites that have a row of their own, the ones with the most live tasks; all others share the row `other`.
pub const SITES: usize = 20;

/// Processors that have rows of their own; those with higher numbers share the row `other`.
pub const PROCESSOR_ROWS: usize = 256;

/// Errors of system calls that have a row of their own, by the system's number: those that sockets have. All others share the row
/// `other`. A list that is fixed, because a row that changed what it counts would go back.
pub const ERRNOS: [i32; 16] = [
    libc::EPIPE,
    libc::ECONNRESET,
    libc::ECONNABORTED,
    libc::ECONNREFUSED,
    libc::ETIMEDOUT,
    libc::ENOTCONN,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
    libc::EADDRINUSE,
    libc::EADDRNOTAVAIL,
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
    libc::EACCES,
    libc::EINVAL,
];

/// Runtimes that are shown, the first ones; `gumption_runtimes` counts all.
pub const RUNTIMES: usize = 32;

/// With more live tasks than this they are not walked on a scrape: there are no rows by spawn site and by wait then, and
/// `gumption_tasks_walked` is 0. A walk takes about 15 ns a task.
pub const WALK: u64 = 100_000;
