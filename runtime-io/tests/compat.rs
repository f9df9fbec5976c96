//! The `futures_io` traits on ours and ours on theirs: bytes both ways, ends, seeks in two steps and in one.

use gumption_core::runtime::Runtime;
use gumption_io::Netpoller;
use gumption_io::compat::{
    AsyncReadCompatExt, AsyncWriteCompatExt, Compat, FuturesAsyncReadCompatExt, FuturesAsyncWriteCompatExt,
};
use gumption_io::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
    SeekFrom, duplex,
};
use gumption_io::net::{TcpListener, TcpStream};
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll};

fn block_on<F: Future>(future: F) -> F::Output {
    Runtime::<Netpoller>::new().expect("the system has threads").block_on(future)
}

/// Ours seen as theirs, seen as ours again.
fn there_and_back<T: AsyncRead>(stream: T) -> Compat<Compat<T>> {
    FuturesAsyncReadCompatExt::compat(AsyncReadCompatExt::compat(stream))
}

#[test]
fn bytes_and_ends_survive_there_and_back() {
    block_on(async {
        let (near, far) = duplex(7);
        let echo = gumption_core::spawn(async move {
            let mut far = there_and_back(far);
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).await?;
            far.write_all(&bytes).await?;
            far.flush().await?;
            far.shutdown().await
        });
        let mut near = there_and_back(near);
        let sent: Vec<u8> = (0..=255).collect();
        near.write_all(&sent).await.expect("the other side reads");
        near.shutdown().await.expect("a pipe can be shut down");
        let mut received = Vec::new();
        near.read_to_end(&mut received).await.expect("the other side writes");
        assert_eq!(received, sent);
        echo.await.expect("it does not panic").expect("no errors in memory");
    });
}

#[test]
fn lines_come_through_theirs() {
    block_on(async {
        let mut lines = there_and_back(BufReader::with_capacity(2, &b"one\ntwo\n"[..])).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn our_streams_are_theirs_without_a_wrapper() {
    block_on(async {
        let (near, far) = duplex(64);
        // Of the two ways to read a `DuplexStream`, this takes theirs.
        let mut near = FuturesAsyncReadCompatExt::compat(near);
        let mut far = FuturesAsyncReadCompatExt::compat(far);
        near.write_all(b"ping").await.unwrap();
        near.shutdown().await.unwrap();
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ping");
    });
}

#[test]
fn sockets_are_theirs_without_a_wrapper() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = gumption_core::spawn(async move {
            let (stream, _) = listener.accept().await?;
            // Seen as theirs, and as ours through that.
            let mut stream = FuturesAsyncReadCompatExt::compat(stream);
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await?;
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        });
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        let mut reader = FuturesAsyncReadCompatExt::compat(reader);
        let mut writer = FuturesAsyncWriteCompatExt::compat_write(writer);
        let sent = vec![5; 1 << 20];
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        assert!(received == sent);
        echo.await.unwrap().unwrap();
    });
}

/// A cursor whose seeks take two polls each; counts those that were begun.
struct Slow {
    cursor: Cursor<Vec<u8>>,
    under_way: Option<(SeekFrom, bool)>,
    begun: usize,
}

impl Slow {
    fn new(bytes: &[u8]) -> Self {
        Self { cursor: Cursor::new(bytes.to_vec()), under_way: None, begun: 0 }
    }
}

impl AsyncRead for Slow {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.cursor).poll_read(cx, buf)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.cursor).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Slow {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        if self.under_way.is_some() {
            return Err(io::Error::other("another seek is under way"));
        }
        self.begun += 1;
        self.under_way = Some((position, false));
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.under_way {
            Some((position, false)) => {
                self.under_way = Some((position, true));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some((position, true)) => {
                self.under_way = None;
                Poll::Ready(io::Seek::seek(&mut self.cursor, position))
            }
            None => Poll::Ready(Ok(self.cursor.position())),
        }
    }
}

#[test]
fn a_seek_is_begun_once_however_often_it_is_polled() {
    block_on(async {
        let mut stream = AsyncWriteCompatExt::compat_write(Slow::new(b"hello"));
        let mut polls = 0;
        let there = poll_fn(|cx| {
            polls += 1;
            futures_io::AsyncSeek::poll_seek(Pin::new(&mut stream), cx, SeekFrom::Start(2))
        });
        assert_eq!(there.await.unwrap(), 2);
        assert_eq!(polls, 2);
        assert_eq!(stream.get_ref().begun, 1);

        // One that nobody waits for, and then another.
        let dropped =
            poll_fn(|cx| Poll::Ready(futures_io::AsyncSeek::poll_seek(Pin::new(&mut stream), cx, SeekFrom::Start(4))));
        assert!(dropped.await.is_pending());
        let there = poll_fn(|cx| futures_io::AsyncSeek::poll_seek(Pin::new(&mut stream), cx, SeekFrom::Current(-1)));
        assert_eq!(there.await.unwrap(), 3);
        assert_eq!(stream.get_ref().begun, 3);
    });
}

#[test]
fn seeks_survive_there_and_back() {
    block_on(async {
        let mut stream = there_and_back(Slow::new(b"hello"));
        assert_eq!(stream.seek(SeekFrom::End(-2)).await.unwrap(), 3);
        assert_eq!(stream.read_u8().await.unwrap(), b'l');
        assert_eq!(stream.stream_position().await.unwrap(), 4);
        stream.rewind().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'h');
        let error = stream.seek(SeekFrom::Current(-9)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}
