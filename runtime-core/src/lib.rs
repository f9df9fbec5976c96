//! Gumption's scheduler.

pub mod driver;
pub mod sync;
