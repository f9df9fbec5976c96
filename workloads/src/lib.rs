//! The bundled workloads: scheduler pathologies to start, to watch, and to see go away.
//!
//! A workload is a program that is sick in one way. Each comes with the same program put right, and, where Gumption's
//! scheduler prevents the harm by design, with the sick program run under the full scheduler: sick, fixed, cured.
//!
//! ```text
//!  catalogue/hog.rs ...   one lesson a file: the story, the picture, the sick and the fixed code
//!        │ implements
//!  workload.rs            what a workload is: id, knobs, how the runtime is shaped, how the load is driven
//!        │ run by
//!  run.rs                 builds the runtime, offers the load, samples, stops, checks the conservation laws, diagnoses
//!  proof.rs prove.rs      what `leaks()` must prove of the run, and what it must not; asks it
//!        │ shown by
//!  report.rs live.rs      one object as JSON, or a page for people; a line a second meanwhile
//!        │ asked for by
//!  cli.rs tour.rs verify.rs ledger.rs list.rs    the `gumption` command
//!  remote.rs client.rs    its verbs that look at another process, through that one's debug server
//! ```
//!
//! Start reading at [`catalogue`]: `hog.rs` is the shortest lesson, `runnext_trap.rs` the most surprising one.
//!
//! What this crate refuses: to look at the clock for a verdict. A workload says what its users saw in milliseconds,
//! because that is what hurts; the verdict comes from [`gumption::introspect::diagnose`], which reads counts and ratios.

pub mod catalogue;
pub mod cli;
pub mod client;
pub mod ledger;
pub mod list;
pub mod live;
pub mod proof;
pub mod prove;
pub mod remote;
pub mod report;
pub mod run;
pub mod support;
pub mod tour;
pub mod verify;
pub mod workload;
