//! Profiles: what `go tool pprof` reads.
//!
//! | profile | tells | costs |
//! | --- | --- | --- |
//! | [`goroutine`] | what all tasks are doing, from a dump | nothing while nobody asks |
//! | [`threadcreate`] | the threads of the runtimes, by why they were made | nothing while nobody asks |
//!
//! Each is a [`Profile`]: [`gzip`](Profile::gzip) is what a file or an answer holds, [`text`](Profile::text) is for eyes,
//! [`minus`](Profile::minus) is the difference of two states, [`only`](Profile::only) what belongs to one label.
//!
//! ```
//! use gumption_introspect::profile;
//!
//! let threads = profile::threadcreate(&gumption_core::runtime::running());
//! std::fs::write(std::env::temp_dir().join("threads.pb.gz"), threads.gzip())?;      // go tool pprof -top threads.pb.gz
//! # std::fs::remove_file(std::env::temp_dir().join("threads.pb.gz"))?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod decode;
mod goroutine;
mod model;
mod proto;
mod text;
mod threadcreate;

pub use decode::DecodeError;
pub use goroutine::goroutine;
pub use model::{Call, Label, Line, Profile, Sample, Value, ValueKind};
pub use threadcreate::threadcreate;
