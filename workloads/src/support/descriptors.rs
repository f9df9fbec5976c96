//! Running out of descriptors, for a while.
//!
//! Lowers the soft limit of this process to what it has open, and puts it back. What is open stays open. Everything in the
//! process that opens something meanwhile fails, the observer's look at thread clocks included, so nothing else is run
//! beside it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// While it lives, the process can open hardly anything more.
#[derive(Debug)]
pub struct FewDescriptors {
    before: libc::rlimit,
}

impl FewDescriptors {
    /// Leaves at most `left` descriptors to be opened.
    ///
    /// # Errors
    /// What the system says.
    pub fn left(left: u64) -> io::Result<Self> {
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `before` is valid for the write.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // The lowest number that is free: what is opened next gets it, and then numbers above it.
        let free = u64::try_from(File::open("/dev/null")?.as_raw_fd()).unwrap_or(0);
        // On some systems it has a sign.
        let most = (free + left) as libc::rlim_t;
        let few = libc::rlimit { rlim_cur: most.min(before.rlim_cur), ..before };
        set(&few)?;
        Ok(Self { before })
    }
}

impl Drop for FewDescriptors {
    fn drop(&mut self) {
        // It was allowed before, and the hard limit has not changed.
        let restored = set(&self.before);
        debug_assert!(restored.is_ok(), "{restored:?}");
    }
}

fn set(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: `limit` is valid for the read.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
