//! [`FileTimes`]: the timestamps to give to a file.
//!
//! std's, as a type of this crate's because tokio has one of its own. What is not set is left as it is.

use std::time::SystemTime;

/// Timestamps for [`File::set_times`](super::File::set_times).
#[derive(Debug, Clone, Default)]
#[must_use = "must be applied to a file via `File::set_times` to have any effect"]
pub struct FileTimes(std::fs::FileTimes);

impl FileTimes {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// When the file was last read.
    pub fn set_accessed(self, time: SystemTime) -> Self {
        Self(self.0.set_accessed(time))
    }

    /// When the file was last written.
    pub fn set_modified(self, time: SystemTime) -> Self {
        Self(self.0.set_modified(time))
    }

    /// When the file was made.
    #[cfg(target_vendor = "apple")]
    pub fn set_created(self, time: SystemTime) -> Self {
        Self(std::os::darwin::fs::FileTimesExt::set_created(self.0, time))
    }

    pub(super) fn into_std(self) -> std::fs::FileTimes {
        self.0
    }
}
