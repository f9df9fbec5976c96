//! Reading, writing and seeking a [`File`].
//!
//! What each does with the outcome of the operation before it is the table in [`work`](super::work); what users may rely on
//! is told at [`File`]. Nothing here blocks, and nothing here touches the descriptor: bytes move between the caller's buffer
//! and the file's, and closures do the rest.
//!
//! A read that the buffer can answer takes a step of the task's budget, so that a task which picks two megabytes apart byte by
//! byte still lets others run.

use super::File;
use super::work::Outcome;
use crate::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use gumption_core::coop;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

impl AsyncRead for File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let file = self.get_mut();
        let mut work = file.work.get();
        loop {
            match ready!(work.poll_outcome(cx)) {
                Some(Outcome::Read(read)) => {
                    read?;
                    // It may have come to the file's end: what there is now is the answer, nothing included.
                    if let Some(buffer) = work.idle() {
                        buffer.take(to);
                    }
                    return Poll::Ready(Ok(()));
                }
                Some(Outcome::Written(written)) => work.keep(written),
                Some(Outcome::Lost(error)) => return Poll::Ready(Err(error)),
                // Nobody asked for it.
                Some(Outcome::Sought(_) | Outcome::Resized(_)) => {}
                None => {}
            }
            if let Some(buffer) = work.idle()
                && (!buffer.is_empty() || to.remaining() == 0)
            {
                let step = ready!(coop::poll_proceed(cx));
                buffer.take(to);
                step.made_progress();
                return Poll::Ready(Ok(()));
            }
            work.start_read(file.std.lease(), to.remaining().min(file.max_buf_size))?;
        }
    }
}

impl AsyncWrite for File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(from)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let file = self.get_mut();
        let mut work = file.work.get();
        ready!(work.poll_flush(cx))?;
        if from.iter().all(|part| part.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(work.start_write(file.std.lease(), from, file.max_buf_size))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().work.get().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let file = self.get_mut();
        let mut work = file.work.get();
        work.start_seek(file.std.lease(), to)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut work = self.get_mut().work.get();
        loop {
            match ready!(work.poll_outcome(cx)) {
                Some(Outcome::Sought(sought)) => return Poll::Ready(sought),
                Some(Outcome::Written(written)) => work.keep(written),
                Some(Outcome::Lost(error)) => return Poll::Ready(Err(error)),
                // Whoever wanted it has gone.
                Some(Outcome::Read(_) | Outcome::Resized(_)) => {}
                None => return Poll::Ready(Ok(work.position())),
            }
        }
    }
}
