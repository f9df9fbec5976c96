//! Gumption.
