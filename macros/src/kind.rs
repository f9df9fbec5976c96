//! [`Kind`]: which of `#[main]` and `#[test]` is expanded.
//!
//! The two are one expansion (`entry.rs`) with one list of arguments (`args.rs`) that differ in little: the default flavor, what
//! the function may look like, an attribute, and the name in a message. Both ask here, and nothing here asks them.

use std::fmt;

/// Which of the two.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `#[main]`
    Main,
    /// `#[test]`
    Test,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Test => "test",
        })
    }
}
