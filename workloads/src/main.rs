//! The gumption command.
fn main() {}
