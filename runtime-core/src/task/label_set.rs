//! [`Set`]: the labels of a task, as one value that never changes.
//!
//! A task's labels are few, are read by others while the task runs, and go to every task that it spawns: so they are a small
//! sorted slice behind an `Arc`. To inherit them is to count a reference, to read them is to take one, and to change them is to
//! make another set. Whoever has a set keeps it whole, whatever the task does afterwards, or whether it still exists.
//!
//! Two sets with the same labels are equal, however they came about: profiles group by that.
//!
//! This file knows no tasks: `labels.rs` does.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use std::sync::Arc;

/// One label: key and value.
type Label = (Arc<str>, Arc<str>);

/// Labels, by key, each key once.
///
/// ```
/// # use gumption_core::task::labels::Set;
/// let set: Set = [("tenant", "acme"), ("shard", "7")].into_iter().collect();
/// assert_eq!(set.get("tenant"), Some("acme"));
/// assert_eq!(set.to_string(), r#"shard="7", tenant="acme""#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Set(Box<[Label]>);

impl Set {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.shared(key).map(|value| &**value)
    }

    /// The value of `key`, to keep.
    pub(super) fn shared(&self, key: &str) -> Option<&Arc<str>> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// Keys and values, in the keys' order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(key))
    }

    /// This set with `key` as `value`, in place of what `key` was.
    pub(super) fn with(&self, key: &str, value: Arc<str>) -> Self {
        let mut labels = self.0.to_vec();
        match self.find(key) {
            Ok(at) => labels[at].1 = value,
            Err(at) => labels.insert(at, (key.into(), value)),
        }
        Self(labels.into())
    }

    /// This set without `key`.
    pub(super) fn without(&self, key: &str) -> Self {
        Self(self.0.iter().filter(|(other, _)| **other != *key).cloned().collect())
    }

    /// This set, and all of `other`, which prevail.
    pub(super) fn with_all(&self, other: &Self) -> Self {
        other.0.iter().fold(self.clone(), |set, (key, value)| set.with(key, value.clone()))
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Set {
    /// Of labels with the same key the last prevails.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(labels: I) -> Self {
        labels.into_iter().fold(Self::default(), |set, (key, value)| set.with(key.as_ref(), value.as_ref().into()))
    }
}

impl fmt::Display for Set {
    /// As in Go's dumps: `key="value"`, with commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}={value:?}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Labels;
        impl<'de> Visitor<'de> for Labels {
            type Value = Set;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings to strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Set, A::Error> {
                let mut labels = Vec::new();
                while let Some(label) = map.next_entry::<String, String>()? {
                    labels.push(label);
                }
                Ok(labels.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Labels)
    }
}

#[cfg(test)]
mod tests {
    use super::Set;

    fn set(labels: &[(&str, &str)]) -> Set {
        labels.iter().copied().collect()
    }

    #[test]
    fn the_order_of_making_does_not_matter_and_the_last_value_does() {
        let one = set(&[("b", "2"), ("a", "0"), ("a", "1")]);
        assert_eq!(one, set(&[("a", "1"), ("b", "2")]));
        assert_eq!(one.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!((one.get("a"), one.get("c"), one.len()), (Some("1"), None, 2));
    }

    #[test]
    fn a_change_makes_another_set() {
        let one = set(&[("a", "1")]);
        let two = one.with("b", "2".into());
        assert_eq!((one.len(), two.len()), (1, 2));
        assert_eq!(two.without("b"), one);
        assert_eq!(two.without("x"), two);
        assert_eq!(one.with_all(&set(&[("a", "9"), ("c", "3")])), set(&[("a", "9"), ("c", "3")]));
        assert!(one.without("a").is_empty());
    }

    #[test]
    fn a_set_is_written_as_go_writes_labels_and_read_back_from_json() {
        let odd = set(&[("path", "/a \"b\""), ("tenant", "acme")]);
        assert_eq!(odd.to_string(), r#"path="/a \"b\"", tenant="acme""#);
        let json = serde_json::to_string(&odd).unwrap();
        assert_eq!(json, r#"{"path":"/a \"b\"","tenant":"acme"}"#);
        assert_eq!(serde_json::from_str::<Set>(&json).unwrap(), odd);
        assert!(serde_json::from_str::<Set>("[1]").is_err());
    }
}
