//! The parameters of a request: `level=2&label=tenant:acme`.
//!
//! A parameter that an endpoint does not know is refused, with a list of those that it does: `stack=1` where `stacks=1` was
//! meant would otherwise be answered, with something else than was asked for. So is a value that cannot be read. A name may
//! come several times where the endpoint says so; elsewhere that is refused, too.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::response::{Refusal, Status};
use crate::length;

/// The most parameters that are taken.
const MOST: usize = 64;
/// Parameters that every request may have.
pub const EVERYWHERE: [&str; 2] = ["token", "runtime"];

/// The parameters in their order.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Takes apart what stands behind the `?`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            if pairs.len() == MOST {
                return Err(bad(format!("a query may have {MOST} parameters")));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(bad(
                    "a parameter cannot be decoded: write %XX with two hexadecimal digits, of UTF-8".to_owned()
                ));
            };
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// Refuses what is not among `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let foreign = |name: &&str| !known.contains(name) && !EVERYWHERE.contains(name);
        match self.pairs.iter().map(|(name, _)| name.as_str()).find(foreign) {
            None => Ok(()),
            Some(name) if known.is_empty() => Err(bad(format!("{name:?}: no parameter is known here"))),
            Some(name) => Err(bad(format!("{name:?}: not a parameter of this; it knows {}", known.join(", ")))),
        }
    }

    /// Every value of `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of `name`, if it is there, and there once.
    pub fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first.filter(|value| !value.is_empty())),
            (_, Some(_)) => Err(bad(format!("{name}: it is there more than once"))),
        }
    }

    /// The value of `name` as a number, or as what else is read from a text; `right` says what would be.
    pub fn read<T: FromStr>(&self, name: &str, right: impl Display) -> Result<Option<T>, Refusal> {
        let wrong = |value: &str| bad(format!("{name}={value:?}: right would be {right}"));
        self.one(name)?.map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    /// Whether `name` is on: `1` or `true`, or off: `0` or `false`; `usual` if it is not there.
    pub fn flag(&self, name: &str, usual: bool) -> Result<bool, Refusal> {
        match self.one(name)? {
            None => Ok(usual),
            Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(value) => Err(bad(format!("{name}={value:?}: right would be 1 or 0"))),
        }
    }

    /// One of `words`; the first if there is none.
    pub fn word<'a>(&'a self, name: &'a str, words: &[&'a str]) -> Result<&'a str, Refusal> {
        match (self.one(name)?, words.first()) {
            (None, first) => Ok(first.copied().unwrap_or_default()),
            (Some(value), _) if words.contains(&value) => Ok(value),
            (Some(value), _) => Err(bad(format!("{name}={value:?}: right would be {}", words.join(", ")))),
        }
    }

    /// A length of time: seconds, with a fraction if wanted, or `100ms`, `5s`, `3m`, `2h`.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, Refusal> {
        let wrong = |value: &str| bad(format!("{name}={value:?}: right would be 5, 0.5, 100ms, 5s, 3m or 2h"));
        self.one(name)?.map(|value| length::parse(value).ok_or_else(|| wrong(value))).transpose()
    }
}

fn bad(what: String) -> Refusal {
    Refusal::new(Status::BadRequest, what)
}

/// `%20` and `+` made characters again. `None` if what comes out is not text, or a `%` is not followed by two digits.
pub fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
