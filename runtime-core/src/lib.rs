//! Gumption's scheduler.

pub mod sync;
