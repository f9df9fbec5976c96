//! The futures of `read_until` and `read_line`, and the loop that `Lines` and `Split` share with them.
//!
//! Bytes are taken from the reader's buffer as they come and appended to the caller's; `read` counts them over the
//! polls of one call. `read_until` appends to the caller's vector itself, so that a call that is dropped has lost
//! nothing. A string cannot hold the first bytes of a character, so `read_line` takes the string out of its place and
//! puts it back at the end; dropped before, it leaves it empty and has lost what it had read.

use crate::io::AsyncBufRead;
use memchr::memchr;
use pin_project_lite::pin_project;
use std::io;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Appends to `buf` until `delimiter`, which is appended too, or the end; how many bytes, with the `read` of earlier
/// polls.
pub(super) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    cx: &mut Context<'_>,
    mut reader: Pin<&mut R>,
    delimiter: u8,
    buf: &mut Vec<u8>,
    read: &mut usize,
) -> Poll<io::Result<usize>> {
    loop {
        let available = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let found = memchr(delimiter, available);
        let used = found.map_or(available.len(), |at| at + 1);
        buf.extend_from_slice(&available[..used]);
        reader.as_mut().consume(used);
        *read += used;
        if found.is_some() || used == 0 {
            return Poll::Ready(Ok(mem::take(read)));
        }
    }
}

/// Ends a read of text: puts `bytes` into `output`, all `keep` of them if they are UTF-8, else the `original` ones that
/// were a string before.
pub(super) fn finish_string(
    result: io::Result<usize>,
    mut bytes: Vec<u8>,
    original: usize,
    keep: usize,
    output: &mut String,
) -> io::Result<usize> {
    bytes.truncate(keep);
    match String::from_utf8(bytes) {
        Ok(string) => {
            *output = string;
            result
        }
        Err(error) => {
            let not_utf8 = io::Error::new(io::ErrorKind::InvalidData, error.utf8_error());
            let mut bytes = error.into_bytes();
            bytes.truncate(original);
            *output = String::from_utf8(bytes).expect("these bytes were a string before");
            result.and(Err(not_utf8))
        }
    }
}

pin_project! {
    /// Future of [`read_until`](super::AsyncBufReadExt::read_until).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadUntil<'a, R: ?Sized> {
        reader: &'a mut R,
        delimiter: u8,
        buf: &'a mut Vec<u8>,
        read: usize,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadUntil<'a, R> {
    pub(super) fn new(reader: &'a mut R, delimiter: u8, buf: &'a mut Vec<u8>) -> Self {
        Self { reader, delimiter, buf, read: 0, _pin: PhantomPinned }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntil<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.project();
        poll_read_until(cx, Pin::new(&mut **me.reader), *me.delimiter, me.buf, me.read)
    }
}

pin_project! {
    /// Future of [`read_line`](super::AsyncBufReadExt::read_line).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadLine<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        buf: Vec<u8>,
        original: usize,
        read: usize,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadLine<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let buf = mem::take(output).into_bytes();
        Self { reader, original: buf.len(), output, buf, read: 0, _pin: PhantomPinned }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.project();
        let result = ready!(poll_read_until(cx, Pin::new(&mut **me.reader), b'\n', me.buf, me.read));
        let bytes = mem::take(me.buf);
        let keep = bytes.len();
        Poll::Ready(finish_string(result, bytes, *me.original, keep, me.output))
    }
}
