//! [`AsyncSeekExt`]: the methods by which one moves a stream's position.
//!
//! None is cancel safe in the sense that the position is known: a seek that was begun may or may not have happened when
//! its future is dropped. Nothing else is lost, and the next seek waits for it.

use super::seek::Seek;
use crate::io::AsyncSeek;
use std::io::SeekFrom;

/// The methods to seek with, on everything that is [`AsyncSeek`].
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to `pos`; the new position from the begin of the stream.
    ///
    /// # Errors
    ///
    /// The stream's: a position before the begin is one.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut stream = std::io::Cursor::new(b"hello");
    /// assert_eq!(stream.seek(SeekFrom::End(-2)).await?, 3);
    /// assert_eq!(stream.read_u8().await?, b'l');
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn seek(&mut self, pos: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek::new(self, pos)
    }

    /// Moves to the begin.
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// Where the position is, from the begin of the stream.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}
