//! The process.

use crate::serve::house::Ask;
use crate::serve::response::{Answer, Response};

/// Program and arguments, as Go's `cmdline` has them.
pub fn cmdline(_ask: &Ask<'_>) -> Answer {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(Response::text(words.join("\0")))
}
