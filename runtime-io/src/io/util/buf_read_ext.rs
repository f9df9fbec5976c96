//! [`AsyncBufReadExt`]: the methods by which one reads from a reader with a buffer.
//!
//! Each says whether it is *cancel safe*: whether its future may be dropped before it is done, as `select!` does with
//! the branches that lose, without a byte being lost.

use super::fill_buf::FillBuf;
use super::lines::Lines;
use super::read_until::{ReadLine, ReadUntil};
use super::segments::Split;
use crate::io::AsyncBufRead;
use std::pin::Pin;

/// The methods to read with, on everything that is [`AsyncBufRead`].
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends to `buf` what comes until `byte`, that included, or the end of the stream; how many bytes.
    ///
    /// 0 says that the stream has ended.
    ///
    /// # Errors
    ///
    /// The reader's; what was read before stays in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe but for the number: dropped before it is done, what it had read is in `buf`, the same call goes on,
    /// and counts from there.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncBufReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"key=value"[..];
    /// let mut key = Vec::new();
    /// assert_eq!(reader.read_until(b'=', &mut key).await?, 4);
    /// assert_eq!((key.as_slice(), reader), (&b"key="[..], &b"value"[..]));
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil::new(self, byte, buf)
    }

    /// Appends to `buf` what comes until the end of the line, the `\n` included, or the end of the stream; how many
    /// bytes.
    ///
    /// 0 says that the stream has ended.
    ///
    /// # Errors
    ///
    /// The reader's, and `InvalidData` if the line is not UTF-8; then `buf` is as it was and the line is lost.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it is done, it has emptied `buf` and lost what it had read.
    /// [`read_until`](Self::read_until) and [`Lines::next_line`] lose nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncBufReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"one\ntwo"[..];
    /// let mut line = String::new();
    /// assert_eq!(reader.read_line(&mut line).await?, 4);
    /// assert_eq!(line, "one\n");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine::new(self, buf)
    }

    /// What is between the occurrences of `byte`, one after the other; see [`Split::next_segment`].
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// What is in the buffer; reads first if that is nothing. Empty at the end of the stream.
    ///
    /// What is not [consumed](Self::consume) is shown again.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, nothing is lost.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncBufReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"hello"[..];
    /// assert_eq!(reader.fill_buf().await?, b"hello");
    /// reader.consume(4);
    /// assert_eq!(reader.fill_buf().await?, b"o");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf::new(self)
    }

    /// Takes `amt` bytes, no more than were shown, from the buffer.
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt);
    }

    /// The lines, one after the other; see [`Lines::next_line`].
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}
