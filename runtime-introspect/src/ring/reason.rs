//! [`Reason`]: why a snapshot was taken.
//!
//! The ring says it when it takes one, the store keeps it with the text and counts its bytes, and whoever reads the list of
//! what is kept finds the snapshot that a rule has caused by it.

use std::fmt;

/// Why a snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was time for one.
    Period,
    /// A rule of this name fired.
    Rule(String),
    /// Somebody asked for it, and said why.
    Asked(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period => f.write_str("period"),
            Self::Rule(name) => write!(f, "rule {name}"),
            Self::Asked(why) => write!(f, "asked: {why}"),
        }
    }
}
