//! Gumption's scheduler.

pub mod driver;
pub mod policy;
pub mod sync;

mod parker;
mod rand;
