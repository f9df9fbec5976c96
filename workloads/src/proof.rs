//! What `leaks()` must prove of a workload, and what it must not.
//!
//! A diagnosis is an opinion with evidence. [`leaks`](gumption::introspect::leaks::leaks) says of single tasks that they can never
//! run again, and that is a proof; so it is held to another standard: all that are dead, and none that is not. The workloads know
//! which are.
//!
//! | of a run | `leaks()` must say |
//! | --- | --- |
//! | sick, [`Proof::Tasks`] | that so many tasks are dead as the workload itself has left over |
//! | sick, [`Proof::Circles`] | that there are so many circles |
//! | every other one, controls and fixed ones first | nothing |
//!
//! Who asks, and when, is `prove.rs`; what came of all the runs is in the ledger (`ledger.rs`).
//!
//! [`Proof::Impossible`] says why something is leaked and no proof of it can be: mostly because somebody still has what could end
//! the wait, and nobody but the programmer knows that he never will.

/// What can be proven of the sick variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is leaked there.
    Nothing,
    /// Every task that is left over is dead, and can be proven so.
    Tasks,
    /// Tasks wait for one another or for themselves, and each such circle can be proven; not all who wait behind them.
    Circles,
    /// Something is leaked, and no proof is possible: why.
    Impossible(&'static str),
}

/// What a workload knew, and what was proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// So many there are.
    pub truth: u64,
    /// So many were proven.
    pub proven: u64,
}
