//! What several workloads need: work, a pace, permits, a count of what is outstanding, and lateness.
//!
//! Small on purpose and without the runtime's own primitives where possible: a workload must show one mistake, and the
//! tools that it is built of must not make another.

mod descriptors;
mod lateness;
mod loopback;
mod mailbox;
mod outstanding;
mod pace;
mod permits;
mod random;
mod requests;
mod work;

pub use descriptors::FewDescriptors;
pub use lateness::{Lateness, millis};
pub use loopback::loopback;
pub use mailbox::Mailbox;
pub use outstanding::{Guard, Outstanding};
pub use pace::pace;
pub use permits::{Permit, Permits};
pub use random::Random;
pub use requests::Requests;
pub use work::compute;
