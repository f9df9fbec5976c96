//! [`Format`]: as what a dump is written.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Dump, Shape, Text};
use crate::json;

/// As what a dump is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// For people: [`text`](super::text).
    #[default]
    Text,
    /// For tools that read Go's.
    Go,
    /// For programs, and to be read back.
    Json,
    /// For flame graphs.
    Folded,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Text, Self::Go, Self::Json, Self::Folded];

    /// Its name.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Go => "go",
            Self::Json => "json",
            Self::Folded => "folded",
        }
    }

    /// The format of this name.
    ///
    /// # Errors
    ///
    /// There is none; and what would be right.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.text() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::text).join(", ");
            format!("format: {name:?} is none; right would be one of {known}")
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Dump {
    /// In a format.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.to_string(),
            Format::Go => Text(self, Shape::Go).to_string(),
            Format::Json => self.to_json(),
            Format::Folded => self.to_folded(),
        }
    }

    /// As JSON, on one line: the shape is the model's, field for field. With the feature `read-dumps` it is read back by `from_json`.
    pub fn to_json(&self) -> String {
        match json::to_string(self) {
            Ok(json) => json,
            Err(error) => unreachable!("a dump is strings, numbers and lists, which JSON can say: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_of_its_own() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.text()), Ok(format));
        }
        assert!(Format::parse("xml").unwrap_err().ends_with("text, go, json, folded"));
        assert_eq!(
            Dump::from_json(&Dump { schema: 1, ..Dump::default() }.render(Format::Json)).map(|dump| dump.schema).ok(),
            Some(1)
        );
    }
}
