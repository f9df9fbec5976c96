//! The futures of `read_to_end` and `read_to_string`: read into a vector until the stream ends.
//!
//! The vector's spare memory is read into directly and grows by doubling. It is not zeroed; a reader that zeroes it,
//! because it needs `&mut [u8]`, does so once, because [`Growing`] remembers up to where it was initialized.
//!
//! A vector that the caller has given the right capacity is not made larger only to learn that the stream has ended:
//! once it is full the next bytes go to a small array first.
//!
//! The string is taken out of its place meanwhile, so that nobody sees it hold what is not UTF-8; dropped before the
//! end, `read_to_string` leaves it empty.

use super::read_until::finish_string;
use crate::io::{AsyncRead, ReadBuf};
use pin_project_lite::pin_project;
use std::io;
use std::marker::PhantomPinned;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much a vector has room for at least when it is read into, and the size of the small array: std's.
const SMALL: usize = 32;

/// A vector, owned or borrowed.
///
/// # Safety
///
/// `vec` gives the same vector each time, and nothing but `vec` reaches it.
unsafe trait Vector {
    fn vec(&mut self) -> &mut Vec<u8>;
}

// SAFETY: it is the vector.
unsafe impl Vector for Vec<u8> {
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

// SAFETY: an exclusive borrow.
unsafe impl Vector for &mut Vec<u8> {
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// A vector that is read into.
///
/// Invariant: the first `initialized` bytes of its memory are initialized, and those are no fewer than its length.
#[derive(Debug)]
struct Growing<V> {
    vector: V,
    initialized: usize,
    capacity_at_first: usize,
    read: usize,
}

impl<V: Vector> Growing<V> {
    fn new(mut vector: V) -> Self {
        let vec = vector.vec();
        let (initialized, capacity_at_first) = (vec.len(), vec.capacity());
        Self { vector, initialized, capacity_at_first, read: 0 }
    }

    /// Reads until the end; how many bytes that were since the begin.
    fn poll_to_end<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let before = self.vector.vec().len();
            match ready!(self.poll_some(cx, reader.as_mut())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            let count = self.vector.vec().len() - before;
            self.read += count;
            if count == 0 {
                return Poll::Ready(Ok(self.read));
            }
        }
    }

    fn poll_some<R: AsyncRead + ?Sized>(&mut self, cx: &mut Context<'_>, reader: Pin<&mut R>) -> Poll<io::Result<()>> {
        let vec = self.vector.vec();
        if vec.capacity() - vec.len() < SMALL {
            if vec.capacity() == self.capacity_at_first && vec.capacity() >= SMALL {
                let mut small = [MaybeUninit::uninit(); SMALL];
                let mut small = ReadBuf::uninit(&mut small);
                ready!(reader.poll_read(cx, &mut small))?;
                vec.extend_from_slice(small.filled());
                self.initialized = vec.len();
                return Poll::Ready(Ok(()));
            }
            vec.reserve(SMALL);
            self.initialized = vec.len();
        }
        let len = vec.len();
        let mut buf = ReadBuf::uninit(vec.spare_capacity_mut());
        // SAFETY: by the invariant.
        unsafe { buf.assume_init(self.initialized - len) };
        let memory = buf.memory();
        let result = reader.poll_read(cx, &mut buf);
        assert_eq!(memory, buf.memory(), "the reader has put another buffer in place of ours");
        let (filled, initialized) = (buf.filled().len(), buf.initialized().len());
        self.initialized = len + initialized;
        // SAFETY: these bytes are filled, hence initialized.
        unsafe { vec.set_len(len + filled) };
        result
    }
}

pin_project! {
    /// Future of [`read_to_end`](super::AsyncReadExt::read_to_end).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToEnd<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: Growing<&'a mut Vec<u8>>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut Vec<u8>) -> Self {
        Self { reader, buf: Growing::new(buf), _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.project();
        me.buf.poll_to_end(cx, Pin::new(&mut **me.reader))
    }
}

pin_project! {
    /// Future of [`read_to_string`](super::AsyncReadExt::read_to_string).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToString<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        buf: Growing<Vec<u8>>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let buf = Growing::new(mem::take(output).into_bytes());
        Self { reader, output, buf, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.project();
        let result = ready!(me.buf.poll_to_end(cx, Pin::new(&mut **me.reader)));
        let bytes = mem::take(me.buf.vector.vec());
        let original = bytes.len() - me.buf.read;
        *me.buf = Growing::new(Vec::new());
        // Without the end of the stream the text is not whole: an error leaves what was there before.
        let keep = if result.is_ok() { bytes.len() } else { original };
        Poll::Ready(finish_string(result, bytes, original, keep, me.output))
    }
}
