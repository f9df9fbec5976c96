//! [`Observed`]: the drivers of the façade's runtimes: the netpoller's, and beside each runtime what the environment asks to look
//! at it (`GUMPTION_DEBUG` and its like, see [`attend`](gumption_introspect::attend)).
//!
//! Here is where the room that runs and the room that reads meet, because neither may know the other.

use gumption_core::driver::Driver;
use gumption_core::runtime::{EventLimits, Handle, MakeDriver};
use gumption_io::Netpoller;
use std::io;

/// The driver of the façade's runtimes.
#[derive(Debug)]
pub enum Observed {}

impl MakeDriver for Observed {
    fn make(pollers: usize, limits: EventLimits) -> io::Result<Vec<Box<dyn Driver>>> {
        Netpoller::make(pollers, limits)
    }

    fn built(handle: &Handle) -> io::Result<()> {
        gumption_introspect::attend::attend(handle)
    }
}
