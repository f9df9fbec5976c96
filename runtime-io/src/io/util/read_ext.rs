//! [`AsyncReadExt`]: the methods by which one reads.
//!
//! Each says whether it is *cancel safe*: whether its future may be dropped before it is done, as `select!` does with
//! the branches that lose, without a byte being lost.

use super::chain::Chain;
use super::numbers::ReadNumber;
use super::read::{Read, ReadExact, ReadIntoBuf};
use super::read_all::{ReadToEnd, ReadToString};
use super::take::Take;
use crate::io::AsyncRead;
use bytes::BufMut;

/// The methods that read a number: name, type, bytes, decoder, and how the docs call the order.
macro_rules! read_numbers {
    ($($name:ident: $type:ident, $bytes:literal, $decode:ident, $order:literal;)+) => {$(
        #[doc = concat!("Reads a number of type `", stringify!($type), "`, ", $order, ".")]
        ///
        /// # Errors
        ///
        /// The reader's, and `UnexpectedEof` if the stream ends within the number.
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: dropped before it is done, it may have read and lost some of the bytes.
        fn $name(&mut self) -> ReadNumber<'_, Self, $type, [u8; $bytes]>
        where
            Self: Unpin,
        {
            ReadNumber::new(self, $type::$decode)
        }
    )+};
}

/// The methods to read with, on everything that is [`AsyncRead`].
pub trait AsyncReadExt: AsyncRead {
    /// This reader, and after its end `next`.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut text = String::new();
    /// (&b"one, "[..]).chain(&b"two"[..]).read_to_string(&mut text).await?;
    /// assert_eq!(text, "one, two");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn chain<R>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
        R: AsyncRead,
    {
        Chain::new(self, next)
    }

    /// Reads what is there into `buf`, waiting until it is at least a byte; how many bytes.
    ///
    /// 0 says that the stream has ended, or that `buf` is empty. Fewer than fit is no sign of anything.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has read nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = [0; 3];
    /// assert_eq!(reader.read(&mut buf).await?, 3);
    /// assert_eq!(reader.read(&mut buf).await?, 2);
    /// assert_eq!(reader.read(&mut buf).await?, 0);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read::new(self, buf)
    }

    /// Reads what is there into `buf`'s spare room and moves it on; how many bytes.
    ///
    /// 0 says that the stream has ended, or that `buf` has no room: a `BytesMut` or a `Vec` makes some, if little, so
    /// give it capacity before.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has read nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = Vec::with_capacity(16);
    /// assert_eq!(reader.read_buf(&mut buf).await?, 5);
    /// assert_eq!(buf, b"hello");
    /// assert_eq!(reader.read_buf(&mut buf).await?, 0);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadIntoBuf<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadIntoBuf::new(self, buf)
    }

    /// Fills `buf`; its length.
    ///
    /// # Errors
    ///
    /// The reader's, and `UnexpectedEof` if the stream ends before. What was read is in `buf`, how much of it is not
    /// known.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it is done, it may have read some bytes into `buf`.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::{AsyncReadExt, ErrorKind};
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = [0; 4];
    /// reader.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hell");
    /// let error = reader.read_exact(&mut buf).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact::new(self, buf)
    }

    /// Reads a byte.
    ///
    /// # Errors
    ///
    /// The reader's, and `UnexpectedEof` if the stream has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has read nothing.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &[7, 0, 1, 1, 0][..];
    /// assert_eq!(reader.read_u8().await?, 7);
    /// assert_eq!(reader.read_u16().await?, 1);
    /// assert_eq!(reader.read_u16_le().await?, 1);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_u8(&mut self) -> ReadNumber<'_, Self, u8, [u8; 1]>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u8::from_ne_bytes)
    }

    /// Reads a signed byte.
    ///
    /// # Errors
    ///
    /// The reader's, and `UnexpectedEof` if the stream has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropped before it is done, it has read nothing.
    fn read_i8(&mut self) -> ReadNumber<'_, Self, i8, [u8; 1]>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i8::from_ne_bytes)
    }

    read_numbers! {
        read_u16: u16, 2, from_be_bytes, "most significant byte first (big-endian)";
        read_i16: i16, 2, from_be_bytes, "most significant byte first (big-endian)";
        read_u32: u32, 4, from_be_bytes, "most significant byte first (big-endian)";
        read_i32: i32, 4, from_be_bytes, "most significant byte first (big-endian)";
        read_u64: u64, 8, from_be_bytes, "most significant byte first (big-endian)";
        read_i64: i64, 8, from_be_bytes, "most significant byte first (big-endian)";
        read_u128: u128, 16, from_be_bytes, "most significant byte first (big-endian)";
        read_i128: i128, 16, from_be_bytes, "most significant byte first (big-endian)";
        read_f32: f32, 4, from_be_bytes, "most significant byte first (big-endian)";
        read_f64: f64, 8, from_be_bytes, "most significant byte first (big-endian)";
        read_u16_le: u16, 2, from_le_bytes, "least significant byte first (little-endian)";
        read_i16_le: i16, 2, from_le_bytes, "least significant byte first (little-endian)";
        read_u32_le: u32, 4, from_le_bytes, "least significant byte first (little-endian)";
        read_i32_le: i32, 4, from_le_bytes, "least significant byte first (little-endian)";
        read_u64_le: u64, 8, from_le_bytes, "least significant byte first (little-endian)";
        read_i64_le: i64, 8, from_le_bytes, "least significant byte first (little-endian)";
        read_u128_le: u128, 16, from_le_bytes, "least significant byte first (little-endian)";
        read_i128_le: i128, 16, from_le_bytes, "least significant byte first (little-endian)";
        read_f32_le: f32, 4, from_le_bytes, "least significant byte first (little-endian)";
        read_f64_le: f64, 8, from_le_bytes, "least significant byte first (little-endian)";
    }

    /// Reads until the stream ends and appends it to `buf`; how many bytes.
    ///
    /// # Errors
    ///
    /// The reader's; what was read before stays in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe in that the call cannot be continued by its number; the bytes that it has read are in `buf`.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut bytes = vec![0];
    /// assert_eq!((&[1, 2][..]).read_to_end(&mut bytes).await?, 2);
    /// assert_eq!(bytes, [0, 1, 2]);
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Reads until the stream ends and appends it to `dst`; how many bytes.
    ///
    /// # Errors
    ///
    /// The reader's, and `InvalidData` if the bytes are not UTF-8. Either way `dst` is left as it was, and what was
    /// read is lost.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped before it is done, it has emptied `dst` and lost what it had read.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut text = String::from("to be ");
    /// (&b"continued"[..]).read_to_string(&mut text).await?;
    /// assert_eq!(text, "to be continued");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn read_to_string<'a>(&'a mut self, dst: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, dst)
    }

    /// This reader's first `limit` bytes, and then the end.
    ///
    /// ```
    /// # use gumption_core::runtime::Runtime;
    /// use gumption_io::io::AsyncReadExt;
    /// # let runtime: Runtime = Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut reader = &b"headbody"[..];
    /// let mut head = String::new();
    /// (&mut reader).take(4).read_to_string(&mut head).await?;
    /// assert_eq!((head.as_str(), reader), ("head", &b"body"[..]));
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}
