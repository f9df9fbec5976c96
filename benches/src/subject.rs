//! A peer without its type.
//!
//! The bodies are generic, the tables are not: a [`Contender`] is a peer's name and a way to start it, a [`Subject`]
//! one that runs. Only the call of a whole body goes through the `dyn`, never an operation.

use crate::catalogue::{Body, Id, body};
use crate::measured::Measured;
use crate::net::Net;

/// A peer that can be started.
#[derive(Clone, Copy)]
pub struct Contender {
    /// What the tables call it.
    pub name: &'static str,
    /// Starts it with so many workers.
    pub start: fn(usize) -> std::io::Result<Box<dyn Subject>>,
    /// Whether it has what a bench needs.
    pub has: fn(Id) -> bool,
}

/// A peer that runs.
pub trait Subject {
    /// Runs one bench, with so many operations, and returns when all of it is over.
    fn measure(&self, id: Id, ops: u64) -> Measured;
}

impl<P: Net> Subject for P {
    fn measure(&self, id: Id, ops: u64) -> Measured {
        match body::<P>(id) {
            Body::Total(run) => Measured::Total(run(self, ops)),
            Body::Each(run) => Measured::Each(run(self, ops)),
            Body::Spent(run) => Measured::Spent(run(self, ops)),
        }
    }
}

pub(crate) const fn contender<P: Net>() -> Contender {
    Contender {
        name: P::NAME,
        start: |workers| P::start(workers).map(|peer| Box::new(peer) as Box<dyn Subject>),
        has: |id| id != Id::BlockInPlace || P::BLOCK_IN_PLACE,
    }
}
