//! Making and removing directories.
//!
//! Each is std's of the same name on the blocking pool, with its errors.

use super::pool::run;
use std::io;
use std::path::Path;

/// Makes a directory, in one that exists.
///
/// # Errors
///
/// Those of [`std::fs::create_dir`].
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::create_dir(path)).await
}

/// Makes a directory and whatever is missing above it; one that exists is no error.
///
/// # Errors
///
/// Those of [`std::fs::create_dir_all`].
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::create_dir_all(path)).await
}

/// Removes an empty directory.
///
/// # Errors
///
/// Those of [`std::fs::remove_dir`].
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::remove_dir(path)).await
}

/// Removes a directory and everything in it. Links are removed and not followed.
///
/// # Errors
///
/// Those of [`std::fs::remove_dir_all`].
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::remove_dir_all(path)).await
}

/// How to make a directory.
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("a/b/c");
/// # Runtime::new()?.block_on(async {
/// use gumption_io::fs::DirBuilder;
///
/// DirBuilder::new().recursive(true).create(&path).await?;
/// assert!(path.is_dir());
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// Neither recursive nor with a mode of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to make what is missing above it, and not to mind if it exists.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions, from which the process's umask is taken; 0o777 unless said.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirBuilder::create`].
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        self.set_mode(&mut builder);
        run(move || builder.create(path)).await
    }

    #[cfg(unix)]
    fn set_mode(&self, builder: &mut std::fs::DirBuilder) {
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(builder, mode);
        }
    }

    #[cfg(not(unix))]
    fn set_mode(&self, _builder: &mut std::fs::DirBuilder) {}
}
