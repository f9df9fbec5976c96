//! Buffers, copies, halves and pipes: partial reads and writes, ends, errors, waiting on either side.

mod script;

use gumption_core::internals::with_current;
use gumption_core::wait::WaitReason;
use gumption_io::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader, BufStream,
    BufWriter, ErrorKind, ReadBuf, SeekFrom, copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex,
    empty, join, repeat, simplex, sink, split,
};
use script::Step::{Fail, Pending, Stuck, Take};
use script::{Script, block_on, give, kind, poll_and_drop};
use std::io::{self, Cursor, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[test]
fn a_buf_reader_reads_large_and_gives_small() {
    block_on(async {
        let mut reader = BufReader::with_capacity(4, Script::reading([give("abcdefgh"), Pending, give("ijkl")]));
        let mut buf = [0; 2];
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert_eq!(reader.buffer(), b"cd");
        // As large as the buffer, but something lies in it.
        let mut large = [0; 8];
        assert_eq!(reader.read(&mut large).await.unwrap(), 2);
        // And now past it.
        assert_eq!(reader.read(&mut large).await.unwrap(), 4);
        assert_eq!((&large[..4], reader.buffer()), (&b"efgh"[..], &b""[..]));
        let mut rest = String::new();
        reader.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "ijkl");
    });
}

#[test]
fn a_buf_writer_writes_when_it_is_full_or_told_to() {
    block_on(async {
        let mut writer = BufWriter::with_capacity(4, Script::writing([Take(1), Pending]));
        assert_eq!(writer.write(b"abc").await.unwrap(), 3);
        assert_eq!(writer.get_ref().calls.len(), 0);
        // Does not fit: what lies there goes first, in two pieces.
        assert_eq!(writer.write(b"de").await.unwrap(), 2);
        assert_eq!((&writer.get_ref().written[..], writer.buffer()), (&b"abc"[..], &b"de"[..]));
        // As large as the buffer: past it.
        assert_eq!(writer.write(b"fghij").await.unwrap(), 5);
        assert_eq!(writer.get_ref().calls, [1, 2, 2, 5]);
        writer.write_all(b"k").await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!((&writer.get_ref().written[..], writer.get_ref().flushes), (&b"abcdefghijk"[..], 1));
        writer.write_all(b"l").await.unwrap();
        writer.shutdown().await.unwrap();
        let inner = writer.into_inner();
        assert_eq!((&inner.written[10..], inner.shut_down), (&b"kl"[..], true));
    });
}

#[test]
fn a_buf_writer_keeps_what_an_error_did_not_write() {
    block_on(async {
        let steps = [Take(1), Fail(ErrorKind::Interrupted), Take(1), Fail(ErrorKind::StorageFull), Take(0)];
        let mut writer = BufWriter::with_capacity(8, Script::writing(steps));
        writer.write_all(b"abcd").await.unwrap();
        assert_eq!(kind(writer.flush().await), ErrorKind::StorageFull);
        assert_eq!(writer.buffer(), b"cd");
        assert_eq!(kind(writer.flush().await), ErrorKind::WriteZero);
        writer.flush().await.unwrap();
        assert_eq!(writer.get_ref().written, b"abcd");
    });
}

#[test]
fn a_buf_writer_gathers_pieces() {
    block_on(async {
        let pieces =
            |texts: &[&'static str]| texts.iter().map(|text| IoSlice::new(text.as_bytes())).collect::<Vec<_>>();
        for vectored in [false, true] {
            let script = Script { vectored, ..Script::default() };
            let mut writer = BufWriter::with_capacity(4, script);
            assert_eq!(writer.write_vectored(&pieces(&["", "a", "", "bc"])).await.unwrap(), 3);
            assert_eq!(writer.buffer(), b"abc");
            // Together more than the buffer, one by one not.
            let count = writer.write_vectored(&pieces(&["", "de", "fg", "h"])).await.unwrap();
            assert_eq!(count, if vectored { 5 } else { 4 });
            writer.flush().await.unwrap();
            assert!(writer.get_ref().written.starts_with(b"abcdefg"));
            assert_eq!(writer.write_vectored(&pieces(&["", ""])).await.unwrap(), 0);
        }
        // Past the buffer, and taken in part: what comes behind may not overtake the rest.
        let mut writer = BufWriter::with_capacity(4, Script::writing([Take(2)]));
        assert_eq!(writer.write_vectored(&pieces(&["abcdef", "gh"])).await.unwrap(), 2);
        assert_eq!(writer.buffer(), b"");
    });
}

#[test]
fn a_buf_stream_has_both_and_can_be_turned_around() {
    block_on(async {
        let stream = Script::reading([give("in1in2")]);
        let mut stream = BufWriter::new(BufReader::with_capacity(6, stream));
        stream.write_all(b"out").await.unwrap();
        let mut buf = [0; 3];
        stream.read_exact(&mut buf).await.unwrap();
        let mut stream = BufStream::from(stream);
        stream.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"in2", "what lay in the read buffer is still there");
        stream.write_all(b"put").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.into_inner().written, b"output");
    });
}

/// A cursor that takes a poll to begin a seek and another to end it, and refuses two at once, as a file does.
#[derive(Default)]
struct SlowSeek {
    cursor: Cursor<Vec<u8>>,
    under_way: Option<(SeekFrom, bool)>,
}

impl AsyncSeek for SlowSeek {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        if self.under_way.is_some() {
            return Err(io::Error::other("another seek is under way"));
        }
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

impl AsyncRead for SlowSeek {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.cursor).poll_read(cx, buf)
    }
}

impl AsyncWrite for SlowSeek {
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

#[test]
fn buffers_seek_over_a_stream_that_takes_its_time() {
    block_on(async {
        let slow = SlowSeek { cursor: Cursor::new(b"0123456789".to_vec()), under_way: None };
        let mut stream = BufStream::with_capacity(4, 4, slow);
        assert_eq!(stream.read_u8().await.unwrap(), b'0');
        assert_eq!(stream.seek(SeekFrom::Current(1)).await.unwrap(), 2);
        stream.write_all(b"ab").await.unwrap();
        // The write goes first, the read buffer is forgotten.
        assert_eq!(stream.seek(SeekFrom::Start(1)).await.unwrap(), 1);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "1ab456789");
        // One that nobody waits for is waited for by the next.
        assert!(poll_and_drop(stream.seek(SeekFrom::Start(5))).is_pending());
        assert_eq!(stream.rewind().await.unwrap(), 0);
        assert_eq!(stream.read_u8().await.unwrap(), b'0');
        // Too far for one step from where the stream is.
        assert_eq!(kind(stream.seek(SeekFrom::Current(i64::MIN)).await), ErrorKind::InvalidInput);
    });
}

#[test]
fn copy_moves_everything_and_flushes() {
    block_on(async {
        let large: Vec<u8> = (0..30_000_u32).map(|i| i as u8).collect();
        let mut reader =
            Script::reading([give(&large[..9000]), Pending, Fail(ErrorKind::Interrupted), give(&large[9000..])]);
        let mut writer = Script::writing([Take(1), Pending, Fail(ErrorKind::Interrupted), Take(5000)]);
        assert_eq!(copy(&mut reader, &mut writer).await.unwrap(), 30_000);
        assert!(writer.written == large);
        assert!(writer.flushes >= 1);

        let mut reader =
            BufReader::with_capacity(7, Script::reading([give(&large[..9000]), Pending, give(&large[9000..])]));
        let mut writer = Script::writing([Take(1), Pending, Fail(ErrorKind::Interrupted), Take(5000)]);
        assert_eq!(copy_buf(&mut reader, &mut writer).await.unwrap(), 30_000);
        assert!(writer.written == large);
    });
}

#[test]
fn copy_tells_either_sides_error() {
    block_on(async {
        let reset = || Script::reading([give("a"), Fail(ErrorKind::ConnectionReset)]);
        assert_eq!(kind(copy(&mut reset(), &mut sink()).await), ErrorKind::ConnectionReset);
        assert_eq!(kind(copy_buf(&mut BufReader::new(reset()), &mut sink()).await), ErrorKind::ConnectionReset);
        for (steps, expected) in
            [([Take(0)], ErrorKind::WriteZero), ([Fail(ErrorKind::BrokenPipe)], ErrorKind::BrokenPipe)]
        {
            assert_eq!(kind(copy(&mut &b"ab"[..], &mut Script::writing(steps.clone())).await), expected);
            assert_eq!(kind(copy_buf(&mut &b"ab"[..], &mut Script::writing(steps)).await), expected);
        }
    });
}

#[test]
fn copy_flushes_before_it_waits_for_an_answer() {
    let mut reader = Script::reading([give("request"), Stuck]);
    let mut writer = BufWriter::new(Vec::new());
    assert!(poll_and_drop(copy(&mut reader, &mut writer)).is_pending());
    assert_eq!(writer.get_ref(), b"request");

    let mut reader = BufReader::new(Script::reading([give("request"), Stuck]));
    let mut writer = BufWriter::new(Vec::new());
    assert!(poll_and_drop(copy_buf(&mut reader, &mut writer)).is_pending());
    assert_eq!(writer.get_ref(), b"request");
}

#[test]
fn a_cancelled_copy_buf_leaves_what_it_has_not_written() {
    let mut reader = BufReader::new(&b"hello"[..]);
    let mut writer = Script::writing([Take(2), Stuck]);
    assert!(poll_and_drop(copy_buf(&mut reader, &mut writer)).is_pending());
    assert_eq!((&writer.written[..], reader.buffer()), (&b"he"[..], &b"llo"[..]));
}

#[test]
fn a_writer_that_waits_lets_the_buffer_fill_up() {
    block_on(async {
        // Two small reads, then one write of both.
        let mut reader = Script::reading([give("one"), give("two")]);
        let mut writer = Script::writing([Pending]);
        assert_eq!(copy(&mut reader, &mut writer).await.unwrap(), 6);
        assert_eq!(writer.calls, [6]);
    });
}

#[test]
fn a_proxy_passes_both_ways_and_half_closes() {
    block_on(async {
        let (mut client, mut front) = duplex(3);
        let (mut back, mut server) = duplex(5);
        let proxy =
            gumption_core::spawn(async move { copy_bidirectional_with_sizes(&mut front, &mut back, 1, 7).await });
        let serve = gumption_core::spawn(async move {
            let mut request = String::new();
            // The request's end is the client's shutdown, passed on.
            server.read_to_string(&mut request).await?;
            server.write_all(request.to_uppercase().as_bytes()).await?;
            server.shutdown().await
        });
        let request = "abc".repeat(1000);
        let (mut reader, mut writer) = split(&mut client);
        let both = async {
            writer.write_all(request.as_bytes()).await?;
            writer.shutdown().await?;
            let mut answer = String::new();
            reader.read_to_string(&mut answer).await.map(|_| answer)
        };
        assert_eq!(both.await.unwrap(), request.to_uppercase());
        assert_eq!(proxy.await.unwrap().unwrap(), (3000, 3000));
        serve.await.unwrap().unwrap();

        let mut broken = Script::reading([Fail(ErrorKind::ConnectionReset)]);
        let mut waiting = Script::reading([Stuck]);
        assert_eq!(kind(copy_bidirectional(&mut waiting, &mut broken).await), ErrorKind::ConnectionReset);
    });
}

#[test]
#[should_panic(expected = "`a_to_b_buf_size` must be greater than 0")]
fn a_proxy_without_a_buffer_is_refused() {
    block_on(copy_bidirectional_with_sizes(&mut empty(), &mut empty(), 0, 1)).unwrap();
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (count.clone(), Waker::from(count))
    }

    fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_read<T: AsyncRead + Unpin>(stream: &mut T, waker: &Waker, buf: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(buf);
    Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut buf).map_ok(|()| buf.filled().len())
}

fn poll_write<T: AsyncWrite + Unpin>(stream: &mut T, waker: &Waker, buf: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut Context::from_waker(waker), buf)
}

#[test]
fn a_pipe_wakes_the_last_who_waits_and_nobody_else() {
    let (mut here, mut there) = duplex(2);
    let ((first, first_waker), (last, last_waker)) = (Count::new(), Count::new());
    let mut buf = [0; 8];
    assert!(poll_read(&mut there, &first_waker, &mut buf).is_pending());
    assert!(poll_read(&mut there, &last_waker, &mut buf).is_pending());
    assert!(poll_read(&mut there, &last_waker, &mut buf).is_pending());
    assert!(matches!(poll_write(&mut here, Waker::noop(), b"abc"), Poll::Ready(Ok(2))));
    assert_eq!((first.woken(), last.woken()), (0, 1));
    assert!(matches!(poll_write(&mut here, &first_waker, b""), Poll::Ready(Ok(0))), "even into a full pipe");
    assert!(poll_write(&mut here, &first_waker, b"c").is_pending());
    assert_eq!(last.woken(), 1, "a write that took nothing wakes nobody");
    assert!(matches!(poll_read(&mut there, Waker::noop(), &mut []), Poll::Ready(Ok(0))));
    assert_eq!(first.woken(), 0, "a read that took nothing wakes nobody");
    assert!(matches!(poll_read(&mut there, Waker::noop(), &mut buf[..1]), Poll::Ready(Ok(1))));
    assert_eq!((first.woken(), last.woken()), (1, 1));
    // A reader that was told to wait and a writer that gives up.
    assert!(matches!(poll_read(&mut there, Waker::noop(), &mut buf), Poll::Ready(Ok(1))));
    assert!(poll_read(&mut there, &last_waker, &mut buf).is_pending());
    drop(here);
    assert_eq!((first.woken(), last.woken()), (1, 2));
    assert!(matches!(poll_read(&mut there, &last_waker, &mut buf), Poll::Ready(Ok(0))));
    assert!(
        matches!(poll_write(&mut there, &last_waker, b"a"), Poll::Ready(Err(error)) if error.kind() == ErrorKind::BrokenPipe)
    );
}

#[test]
fn a_dropped_reader_wakes_the_writer_and_breaks_the_pipe() {
    let (mut here, there) = duplex(1);
    let (count, waker) = Count::new();
    assert!(matches!(poll_write(&mut here, &waker, b"ab"), Poll::Ready(Ok(1))));
    assert!(poll_write(&mut here, &waker, b"b").is_pending());
    drop(there);
    assert_eq!(count.woken(), 1);
    assert!(
        matches!(poll_write(&mut here, &waker, b"b"), Poll::Ready(Err(error)) if error.kind() == ErrorKind::BrokenPipe)
    );
}

#[test]
fn a_shut_down_pipe_is_read_to_its_end_and_works_the_other_way() {
    block_on(async {
        let (mut here, mut there) = duplex(64);
        here.write_all(b"last words").await.unwrap();
        here.shutdown().await.unwrap();
        assert_eq!(kind(here.write(b"more").await), ErrorKind::BrokenPipe);
        there.write_vectored(&[IoSlice::new(b"an"), IoSlice::new(b""), IoSlice::new(b"swer")]).await.unwrap();
        let mut text = String::new();
        there.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        drop(there);
        text.clear();
        here.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "answer");
    });
}

#[test]
fn what_waits_at_a_pipe_says_so() {
    block_on(async {
        let waits = |fill: bool| async move {
            let (mut here, _there) = duplex(1);
            std::future::poll_fn(|cx| {
                if fill {
                    assert!(poll_write(&mut here, cx.waker(), b"ab").is_ready());
                    assert!(poll_write(&mut here, cx.waker(), b"b").is_pending());
                } else {
                    assert!(poll_read(&mut here, cx.waker(), &mut [0]).is_pending());
                }
                Poll::Ready(with_current(|task| task.wait()).expect("a task").0)
            })
            .await
        };
        assert_eq!(gumption_core::spawn(waits(false)).await.unwrap(), WaitReason::ChanRecv);
        assert_eq!(gumption_core::spawn(waits(true)).await.unwrap(), WaitReason::ChanSend);
    });
}

#[test]
fn many_bytes_pass_a_narrow_pipe_between_two_tasks() {
    block_on(async {
        let (mut reader, mut writer) = simplex(7);
        let sent: Vec<u8> = (0..100_000_u32).map(|i| (i * 31) as u8).collect();
        let bytes = sent.clone();
        let write = gumption_core::spawn(async move {
            writer.write_all(&bytes).await?;
            writer.shutdown().await.map(|()| writer)
        });
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        assert!(received == sent);
        let writer = write.await.unwrap().unwrap();
        assert!(reader.is_pair_of(&writer));
        let _whole = reader.unsplit(writer);
    });
}

#[test]
#[should_panic(expected = "not of the same stream")]
fn halves_of_two_streams_do_not_make_one() {
    let ((reader, _), (_, writer)) = (simplex(1), simplex(1));
    let _ = reader.unsplit(writer);
}

#[test]
#[should_panic(expected = "`max_buf_size` must be greater than 0")]
fn a_pipe_without_room_is_refused() {
    let _ = duplex(0);
}

#[test]
fn streams_that_are_nowhere() {
    block_on(async {
        let mut buf = [0; 5];
        assert_eq!(empty().read(&mut buf).await.unwrap(), 0);
        assert_eq!(empty().fill_buf().await.unwrap(), b"");
        assert_eq!(empty().seek(SeekFrom::End(5)).await.unwrap(), 0);
        assert_eq!(empty().write(b"abc").await.unwrap(), 3);
        assert_eq!(sink().write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).await.unwrap(), 3);
        repeat(9).take(3).read_to_end(&mut Vec::new()).await.unwrap();
        repeat(9).read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [9; 5]);
        let mut both = join(repeat(1), Vec::new());
        both.write_all(b"out").await.unwrap();
        assert_eq!(both.read_u8().await.unwrap(), 1);
        assert_eq!(both.writer(), b"out");
    });
}

#[test]
fn a_loop_over_what_is_always_ready_lets_others_run() {
    let runtime =
        gumption_core::runtime::Builder::<gumption_io::Netpoller>::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (send, receive) = std::sync::mpsc::channel();
        let endless = gumption_core::spawn(async move { copy(&mut repeat(1), &mut sink()).await });
        gumption_core::spawn(async move { send.send(()) }).await.unwrap().unwrap();
        receive.recv().unwrap();
        endless.abort();
        assert!(endless.await.unwrap_err().is_cancelled());
    });
}
