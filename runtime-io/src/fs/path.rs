//! What has a name: looking at it, renaming it, linking to it, removing it.
//!
//! Each function is std's of the same name on the blocking pool, with its errors.

use super::pool::run;
use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// The absolute path without links, `.` and `..`.
///
/// # Errors
///
/// Those of [`std::fs::canonicalize`]: it must exist.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::canonicalize(path)).await
}

/// What is known of a file, links followed.
///
/// # Errors
///
/// Those of [`std::fs::metadata`].
///
/// ```
/// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
/// # let directory = tempfile::tempdir()?;
/// # let (path, other) = (directory.path().join("one"), directory.path().join("two"));
/// # Runtime::new()?.block_on(async {
/// use gumption_io::fs;
///
/// fs::write(&path, "four").await?;
/// assert_eq!(fs::metadata(&path).await?.len(), 4);
/// fs::rename(&path, &other).await?;
/// assert!(!fs::try_exists(&path).await?);
/// fs::remove_file(&other).await?;
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::metadata(path)).await
}

/// What is known of a file, which may be a link itself.
///
/// # Errors
///
/// Those of [`std::fs::symlink_metadata`].
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::symlink_metadata(path)).await
}

/// Whether there is something of this name, links followed; a broken link is nothing.
///
/// # Errors
///
/// If that cannot be found out, as in a directory that may not be searched.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    run(move || path.try_exists()).await
}

/// Where a symbolic link points.
///
/// # Errors
///
/// Those of [`std::fs::read_link`].
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::read_link(path)).await
}

/// Makes `link` another name of the file `original`.
///
/// # Errors
///
/// Those of [`std::fs::hard_link`].
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    run(move || std::fs::hard_link(original, link)).await
}

/// Makes `link` a symbolic link to `original`, which need not exist.
///
/// # Errors
///
/// Those of [`std::os::unix::fs::symlink`].
#[cfg(unix)]
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    run(move || std::os::unix::fs::symlink(original, link)).await
}

/// Renames a file or directory, over what had the new name.
///
/// # Errors
///
/// Those of [`std::fs::rename`]: both must be on one file system.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    run(move || std::fs::rename(from, to)).await
}

/// Removes a name of a file. Whoever has the file open keeps it.
///
/// # Errors
///
/// Those of [`std::fs::remove_file`].
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::remove_file(path)).await
}

/// Changes a file's permissions.
///
/// # Errors
///
/// Those of [`std::fs::set_permissions`].
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    run(move || std::fs::set_permissions(path, permissions)).await
}
