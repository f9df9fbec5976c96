//! The futures of `read_u8` to `read_f64_le` and `write_u8` to `write_f64_le`.
//!
//! One of each for all of them: a number is an array of bytes, and a function of std's that makes the one of the other.
//! The bytes that were read lie in the future, so a read of more than one byte that is dropped loses them; of one byte
//! there is nothing to lose.

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use pin_project_lite::pin_project;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// Future of the methods of [`AsyncReadExt`](super::AsyncReadExt) that read a number: `T`, made of `B`, an array of
    /// bytes.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadNumber<'a, R: ?Sized, T, B> {
        reader: &'a mut R,
        bytes: B,
        read: usize,
        decode: fn(B) -> T,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized, T, const N: usize> ReadNumber<'a, R, T, [u8; N]> {
    pub(super) fn new(reader: &'a mut R, decode: fn([u8; N]) -> T) -> Self {
        Self { reader, bytes: [0; N], read: 0, decode, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized, T, const N: usize> Future for ReadNumber<'_, R, T, [u8; N]> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let me = self.project();
        while *me.read < N {
            let mut buf = ReadBuf::new(&mut me.bytes[*me.read..]);
            match ready!(Pin::new(&mut **me.reader).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(()) => *me.read += buf.filled().len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok((me.decode)(*me.bytes)))
    }
}

pin_project! {
    /// Future of the methods of [`AsyncWriteExt`](super::AsyncWriteExt) that write a number, which is `B`, an array of
    /// bytes.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WriteNumber<'a, W: ?Sized, B> {
        writer: &'a mut W,
        bytes: B,
        written: usize,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, W: ?Sized, const N: usize> WriteNumber<'a, W, [u8; N]> {
    pub(super) fn new(writer: &'a mut W, bytes: [u8; N]) -> Self {
        Self { writer, bytes, written: 0, _pin: PhantomPinned }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized, const N: usize> Future for WriteNumber<'_, W, [u8; N]> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.project();
        while *me.written < N {
            match ready!(Pin::new(&mut **me.writer).poll_write(cx, &me.bytes[*me.written..])) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => *me.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
