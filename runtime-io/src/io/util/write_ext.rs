//! [`AsyncWriteExt`]: the methods by which one writes.
//!
//! Each says whether it is *cancel safe*: whether its future may be dropped before it is done, as `select!` does with
//! the branches that lose, and it is known what was written.

use super::numbers::WriteNumber;
use super::write::{Flush, Shutdown, Write, WriteBuf, WriteVectored};
use super::write_all::{WriteAll, WriteAllBuf};
use crate::io::AsyncWrite;
use bytes::Buf;
use std::io::IoSlice;

/// The methods that write a number: name, type, bytes, encoder, and how the docs call the order.
macro_rules! write_numbers {
    ($($name:ident: $type:ident, $bytes:literal, $encode:ident, $order:literal;)+) => {$(
        #[doc = concat!("Writes a number of type `", stringify!($type), "`, ", $order, ".")]
        ///
        /// # Errors
        ///
        /// The writer's, and `WriteZero` if it takes no more bytes.
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: dropped before it is done, it may have written some of the bytes.
        fn $name(&mut self, n: $type) -> WriteNumber<'_, Self, [u8; $bytes]>
        where
            Self: Unpin,
        {
            WriteNumber::new(self, n.$encode())
        }
    )+};
}

/// The methods to write with, on everything that is [`AsyncWrite`].
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some of `src`, waiting until the writer takes at least a byte; how many bytes.
    ///
    /// 0 says that the writer takes no more bytes, or that `src` is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut room = [0; 3];
    /// let mut writer = std::io::Cursor::new(&mut room[..]);
    /// assert_eq!(writer.write(b"hello").await?, 3);
    /// assert_eq!(&room, b"hel");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write<'a>(&'a mut self, src: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write::new(self, src)
    }

    /// Like [`write`](Self::write) from several buffers, one after the other. A buffer may be written in part.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// use std::io::IoSlice;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut writer = Vec::new();
    /// assert_eq!(writer.write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")]).await?, 5);
    /// assert_eq!(writer, b"hello");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored::new(self, bufs)
    }

    /// Writes some of what is left in `src` and takes it from there; how many bytes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written nothing and `src` is as it was.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut room = [0; 3];
    /// let mut writer = std::io::Cursor::new(&mut room[..]);
    /// let mut src = &b"hello"[..];
    /// assert_eq!(writer.write_buf(&mut src).await?, 3);
    /// assert_eq!(src, b"lo");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteBuf::new(self, src)
    }

    /// Writes what is left in `src`, and takes from there what is written as it is written.
    ///
    /// # Errors
    ///
    /// The writer's, and `WriteZero` if it takes no more bytes. What `src` has left was not written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written what `src` has no more, and the same call goes on from
    /// there.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut writer = Vec::new();
    /// let mut src = std::io::Cursor::new("hello");
    /// writer.write_all_buf(&mut src).await?;
    /// assert_eq!((writer.as_slice(), src.position()), (&b"hello"[..], 5));
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write_all_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteAllBuf::new(self, src)
    }

    /// Writes all of `src`.
    ///
    /// # Errors
    ///
    /// The writer's, and `WriteZero` if it takes no more bytes. How much was written is not known.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it is done, it may have written some bytes.
    /// [`write_all_buf`](Self::write_all_buf) is.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut writer = Vec::new();
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer, b"hello");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write_all<'a>(&'a mut self, src: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll::new(self, src)
    }

    /// Writes a byte.
    ///
    /// # Errors
    ///
    /// The writer's, and `WriteZero` if it takes no more bytes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncWriteExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut writer = Vec::new();
    /// writer.write_u8(7).await?;
    /// writer.write_u16(1).await?;
    /// writer.write_u16_le(1).await?;
    /// assert_eq!(writer, [7, 0, 1, 1, 0]);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn write_u8(&mut self, n: u8) -> WriteNumber<'_, Self, [u8; 1]>
    where
        Self: Unpin,
    {
        WriteNumber::new(self, n.to_ne_bytes())
    }

    /// Writes a signed byte.
    ///
    /// # Errors
    ///
    /// The writer's, and `WriteZero` if it takes no more bytes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has written nothing.
    fn write_i8(&mut self, n: i8) -> WriteNumber<'_, Self, [u8; 1]>
    where
        Self: Unpin,
    {
        WriteNumber::new(self, n.to_ne_bytes())
    }

    write_numbers! {
        write_u16: u16, 2, to_be_bytes, "most significant byte first (big-endian)";
        write_i16: i16, 2, to_be_bytes, "most significant byte first (big-endian)";
        write_u32: u32, 4, to_be_bytes, "most significant byte first (big-endian)";
        write_i32: i32, 4, to_be_bytes, "most significant byte first (big-endian)";
        write_u64: u64, 8, to_be_bytes, "most significant byte first (big-endian)";
        write_i64: i64, 8, to_be_bytes, "most significant byte first (big-endian)";
        write_u128: u128, 16, to_be_bytes, "most significant byte first (big-endian)";
        write_i128: i128, 16, to_be_bytes, "most significant byte first (big-endian)";
        write_f32: f32, 4, to_be_bytes, "most significant byte first (big-endian)";
        write_f64: f64, 8, to_be_bytes, "most significant byte first (big-endian)";
        write_u16_le: u16, 2, to_le_bytes, "least significant byte first (little-endian)";
        write_i16_le: i16, 2, to_le_bytes, "least significant byte first (little-endian)";
        write_u32_le: u32, 4, to_le_bytes, "least significant byte first (little-endian)";
        write_i32_le: i32, 4, to_le_bytes, "least significant byte first (little-endian)";
        write_u64_le: u64, 8, to_le_bytes, "least significant byte first (little-endian)";
        write_i64_le: i64, 8, to_le_bytes, "least significant byte first (little-endian)";
        write_u128_le: u128, 16, to_le_bytes, "least significant byte first (little-endian)";
        write_i128_le: i128, 16, to_le_bytes, "least significant byte first (little-endian)";
        write_f32_le: f32, 4, to_le_bytes, "least significant byte first (little-endian)";
        write_f64_le: f64, 8, to_le_bytes, "least significant byte first (little-endian)";
    }

    /// Hands everything that was written on to where it goes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it may have handed on some bytes, and the next flush goes on.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush::new(self)
    }

    /// Flushes, then ends the stream in this direction: the other side sees its end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, the same call goes on.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::{AsyncReadExt, AsyncWriteExt, duplex};
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let (mut here, mut there) = duplex(64);
    /// here.write_all(b"bye").await?;
    /// here.shutdown().await?;
    /// let mut text = String::new();
    /// there.read_to_string(&mut text).await?;
    /// assert_eq!(text, "bye");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown::new(self)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}
