//! The tools over the io traits: extension methods, buffers, copies, streams in memory.
//!
//! | files | what |
//! | --- | --- |
//! | `read_ext`, `write_ext`, `buf_read_ext`, `seek_ext` | the methods, and for each whether it may be cancelled |
//! | `read`, `read_all`, `read_until`, `fill_buf`, `lines`, `segments`, `write`, `write_all`, `numbers`, `seek` | their futures |
//! | `take`, `chain` | readers made of readers |
//! | `buf_reader`, `buf_writer`, `buf_stream` | fewer, larger reads and writes |
//! | `copy`, `copy_buf`, `copy_bidirectional` | from one stream to another |
//! | `split`, `join` | one stream as two halves, two as one |
//! | `duplex`, `empty`, `repeat`, `sink` | streams that are nowhere but in memory |
//!
//! Everything here is generic over the traits and knows no leaf. A future borrows what it works on and keeps its
//! progress in itself, so that dropping it loses exactly what its method's section on cancel safety says. Futures are
//! `!Unpin`, as tokio's are, `Send` if what they borrow is, and not to be named by users.
//!
//! An operation that meets `ErrorKind::Interrupted` tries again, where std's does, although no leaf of ours returns it.

mod buf_read_ext;
mod buf_reader;
mod buf_stream;
mod buf_writer;
mod chain;
mod copy;
mod copy_bidirectional;
mod copy_buf;
mod duplex;
mod empty;
mod fill_buf;
mod join;
mod lines;
mod numbers;
mod read;
mod read_all;
mod read_ext;
mod read_until;
mod repeat;
mod seek;
mod seek_ext;
mod segments;
mod sink;
mod split;
mod take;
mod write;
mod write_all;
mod write_ext;

pub use buf_read_ext::AsyncBufReadExt;
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::copy;
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use copy_buf::copy_buf;
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use empty::{Empty, empty};
pub use join::{Join, join};
pub use lines::Lines;
pub use read_ext::AsyncReadExt;
pub use repeat::{Repeat, repeat};
pub use seek_ext::AsyncSeekExt;
pub use segments::Split;
pub use sink::{Sink, sink};
pub use split::{ReadHalf, WriteHalf, split};
pub use take::Take;
pub use write_ext::AsyncWriteExt;

use gumption_core::coop;
use std::task::{Context, Poll, ready};

/// The capacity of a buffer that nobody asked another for: std's and tokio's.
const DEFAULT_BUF_SIZE: usize = 8 * 1024;

/// A step of the budget for a leaf that is always ready.
#[inline]
fn poll_step(cx: &mut Context<'_>) -> Poll<()> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(())
}
