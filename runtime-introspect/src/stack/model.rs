//! What a stack looks like when it has been folded: a tree of functions, plain data, the same in memory and as JSON.
//!
//! A task may wait in several places at once, so its stack is a tree, from the outermost function to the innermost; a thread's has
//! one way. Dumps and graphs carry it, profiles are made of it. Filled by `tree`; this file refuses to know an address.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a task waits: a tree, because it may wait in several places, from the outermost function to the innermost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stack {
    /// Mostly one.
    pub roots: Vec<Node>,
}

/// A function of a [`Stack`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The function.
    pub frame: Frame,
    /// How often it is there in a row: recursion.
    pub repeated: u32,
    /// What it waits for here, if a primitive said so: `chan receive`, and the number of the resource.
    pub waits: Option<(Cow<'static, str>, u64)>,
    /// What it called.
    pub callees: Vec<Node>,
}

/// A function, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Frame {
    /// Its path: `app::http::serve`.
    pub function: Arc<str>,
    /// The file, if the program has line tables.
    pub file: Option<Arc<str>>,
    /// The line, from 1; 0 if unknown.
    pub line: u32,
}
