//! A channel from many senders to each of many receivers: every receiver gets every value.
//!
//! [`channel`] makes one with a sender and a receiver. Senders are cloned; receivers [subscribe](Sender::subscribe), and get what
//! is sent from then on. A value is kept once, cloned for each receiver, and dropped when the last one has it.
//!
//! ```
//! use gumption::sync::broadcast;
//!
//! # #[gumption::main(flavor = "current_thread")]
//! # async fn main() {
//! let (sender, mut one) = broadcast::channel(16);
//! let mut other = sender.subscribe();
//! gumption::spawn(async move {
//!     for value in [10, 20] {
//!         assert!(sender.send(value).is_ok());
//!     }
//! });
//! assert_eq!((one.recv().await, one.recv().await), (Ok(10), Ok(20)));
//! assert_eq!((other.recv().await, other.recv().await), (Ok(10), Ok(20)));
//! # }
//! ```
//!
//! # Lagging
//!
//! A sender never waits. The channel keeps as many values as its capacity, rounded up to a power of two; the next one
//! overwrites the oldest. A receiver that had not come round to it is told so once, by [`Lagged`](error::RecvError::Lagged)
//! with the number of values it has missed, and goes on with the oldest that is left. What to make of that is its own affair.
//!
//! # The end
//!
//! When all senders are gone, receivers get what is left, and then [`Closed`](error::RecvError::Closed). When all receivers are
//! gone, [`send`](Sender::send) hands its value back, and [`closed`](Sender::closed) returns; new receivers may subscribe.
//!
//! # Seen from outside
//!
//! A task in `recv` waits for a `chan receive`, one in `closed` for a cancellation. From the first wait on the channel is a
//! resource of kind `broadcast`, with its site and the number of waiters; capacity, receivers (as holders) and sends are written down
//! when somebody is the first to wait, and every 64th send, when the depth is counted, too. So are the values that receivers have lost,
//! and the task that was last told so, as it is.
//!
//! | file | what |
//! | --- | --- |
//! | `shared` | the ring, the position, the locks: the protocol |
//! | `waiter` | the queues' nodes |
//! | `sender`, `receiver` | the ends |
//! | [`error`] | what they are told |

pub mod error;
mod receiver;
mod sender;
mod shared;
mod waiter;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// A channel that keeps up to `capacity` values, rounded up to a power of two, with a sender and a receiver.
///
/// # Panics
///
/// If the capacity is 0, or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::with_receivers(capacity, 1);
    let receiver = Receiver::first(sender.shared.clone());
    (sender, receiver)
}
