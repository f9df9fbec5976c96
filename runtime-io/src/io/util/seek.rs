//! The future of `seek`: waits for what is under way, begins the seek, waits for it.

use crate::io::AsyncSeek;
use pin_project_lite::pin_project;
use std::io::{self, SeekFrom};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// Future of [`seek`](super::AsyncSeekExt::seek).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Seek<'a, S: ?Sized> {
        stream: &'a mut S,
        to: Option<SeekFrom>,
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, S: ?Sized> Seek<'a, S> {
    pub(super) fn new(stream: &'a mut S, to: SeekFrom) -> Self {
        Self { stream, to: Some(to), _pin: PhantomPinned }
    }
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let me = self.project();
        if let Some(to) = *me.to {
            ready!(Pin::new(&mut **me.stream).poll_complete(cx))?;
            Pin::new(&mut **me.stream).start_seek(to)?;
            *me.to = None;
        }
        Pin::new(&mut **me.stream).poll_complete(cx)
    }
}
