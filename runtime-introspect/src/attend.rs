//! What the environment asks to look at a process' runtimes: read when the first of them is built.

use std::io;

use gumption_core::runtime::Handle;

/// A runtime has been built.
///
/// # Errors
///
/// What the environment asks for cannot be had, and why.
pub fn attend(handle: &Handle) -> io::Result<()> {
    let _ = handle;
    Ok(())
}
