//! Channels from many senders to one receiver.
//!
//! | | [`channel`] | [`unbounded_channel`] |
//! | --- | --- | --- |
//! | holds | as many values as it was made for | any number |
//! | a full one | [`send`](Sender::send) waits, in line | does not exist |
//! | to send from outside a runtime | [`blocking_send`](Sender::blocking_send), [`try_send`](Sender::try_send) | [`send`](UnboundedSender::send) |
//! | to receive there | [`blocking_recv`](Receiver::blocking_recv) | [`blocking_recv`](UnboundedReceiver::blocking_recv) |
//!
//! # The end
//!
//! When all senders have gone, the receiver takes out what is inside and then gets `None`. When the receiver goes, senders get their
//! values back as errors, and what is inside is dropped. To stop without loss, the receiver [closes](Receiver::close) the
//! channel and receives until `None`.
//!
//! # Fairness
//!
//! Room goes to senders in the order in which they began to wait for it, and nobody overtakes them. Receiving and sending
//! take part in the cooperative budget.
//!
//! # What an observer sees
//!
//! A task that waits says `chan receive` or `chan send`, and for which channel. From the first wait on, the channel has a
//! [record](gumption_core::resource): where it was made, how many wait, how deep it is, how much was sent and received. The
//! owner is the task that receives. These facts are as of the last wait, of the last time that room was given, or of the last block of
//! values that was filled, whichever came last.
//!
//! # The rooms
//!
//! | file | what |
//! | --- | --- |
//! | `chan` | what both ends share: the lock, the rules of room |
//! | `queue` | where values lie |
//! | `room`, `waiter` | futures that wait for room, or for the end; their nodes in the lists |
//! | `tx`, `rx`, `permit` | the ends |
//! | `bounded`, `unbounded` | what a user holds |
//! | [`error`] | what it can come to |

mod bounded;
mod chan;
pub mod error;
mod permit;
mod queue;
mod room;
mod rx;
mod tx;
mod unbounded;
mod waiter;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
