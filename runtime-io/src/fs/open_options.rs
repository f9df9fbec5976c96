//! [`OpenOptions`]: how to open a file.
//!
//! std's options with an `open` that runs on the blocking pool. Options contradict each other no earlier than at `open`, which
//! then says so.

use super::File;
use super::pool::run;
use std::io;
use std::path::Path;

/// How to open a file; see [`std::fs::OpenOptions`].
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("log");
/// # Runtime::new()?.block_on(async {
/// use gumption_io::fs::OpenOptions;
///
/// let file = OpenOptions::new().append(true).create(true).open(&path).await?;
/// assert_eq!(file.metadata().await?.len(), 0);
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

impl OpenOptions {
    /// Every option false.
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// For writing, over what is there.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// For writing at the end, wherever that is when a write happens.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Empties it; it must be opened for writing.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Makes it if there is none; it must be opened for writing or appending.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Makes it, and fails if there is one, in one step.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// The permissions of a file that is made, from which the process's umask is taken; 0o666 unless said.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// Further flags of `open(2)`; those of the access mode are ignored.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::OpenOptions::open`].
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        Ok(File::from_std(run(move || options.open(path)).await?))
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        Self(options)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}
