//! A dump read back from its JSON: the same dump.
//!
//! A dump says which version of its shape it has ([`Dump::SCHEMA`]); another one is refused, for a field that has changed its meaning is
//! worse than none. It is behind the feature `read-dumps`, because a program that is looked at reads none: see [`crate::json`]
//! for what it would have to link.

use std::fmt;

use super::Dump;

/// Why something cannot be read as a dump.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotADump {
    /// It is not the JSON of a dump.
    Json(serde_json::Error),
    /// It is a dump of another version.
    Schema(u64),
}

impl fmt::Display for NotADump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "this is no dump: {error}"),
            Self::Schema(other) => {
                write!(f, "this dump has version {other}; right would be version {}", Dump::SCHEMA)
            }
        }
    }
}

impl std::error::Error for NotADump {}

impl Dump {
    /// From JSON.
    ///
    /// # Errors
    ///
    /// If it is no dump, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, NotADump> {
        let dump = match serde_json::from_str::<Self>(text) {
            Ok(dump) => dump,
            // One of another version need not have the fields of this one; what it has is its version.
            Err(error) => {
                let version = serde_json::from_str::<Version>(text).map(|version| version.schema);
                return Err(match version {
                    Ok(other) if other != u64::from(Self::SCHEMA) => NotADump::Schema(other),
                    _ => NotADump::Json(error),
                });
            }
        };
        match dump.schema {
            Self::SCHEMA => Ok(dump),
            other => Err(NotADump::Schema(u64::from(other))),
        }
    }
}

#[derive(serde::Deserialize)]
struct Version {
    schema: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::{Level, RuntimeDump, State, TaskDump, Wait};

    #[test]
    fn what_is_written_is_read_back() {
        let wait = Wait { text: "join task 9".into(), reason: "join".into(), resource: 9, ..Wait::default() };
        let task = TaskDump { id: u64::MAX, state: State::Stranded, wait: Some(wait), ..TaskDump::default() };
        let runtime = RuntimeDump { id: 1, level: Level::Tasks, tasks: vec![task], ..RuntimeDump::default() };
        let dump = Dump { schema: Dump::SCHEMA, pid: 1, runtimes: vec![runtime], ..Dump::default() };
        assert_eq!(Dump::from_json(&dump.to_json()).expect("it was just written"), dump);
    }

    #[test]
    fn what_is_no_dump_says_so() {
        let said = |text: &str| Dump::from_json(text).expect_err(text).to_string();
        assert!(said("").starts_with("this is no dump"));
        assert!(said("[]").starts_with("this is no dump"));
        assert!(said("{\"schema\": 1}").contains("missing field"));
        assert_eq!(said("{\"schema\": 7}"), "this dump has version 7; right would be version 1");
        let other = Dump { schema: 2, ..Dump::default() };
        assert_eq!(said(&other.to_json()), "this dump has version 2; right would be version 1");
    }
}
