//! The writing methods over a stream that takes bytes in pieces, waits and fails as a script says; and what a call that
//! is dropped leaves behind.

mod script;

use bytes::Buf;
use gumption_io::io::{AsyncWriteExt, ErrorKind};
use script::Step::{Fail, Pending, Stuck, Take};
use script::{Script, block_on, kind, poll_and_drop};
use std::io::{Cursor, IoSlice};
use std::task::Poll;

#[test]
fn write_tells_how_much_was_taken() {
    block_on(async {
        let mut writer = Script::writing([Pending, Take(3), Take(0), Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(writer.write(b"hello").await.unwrap(), 3);
        assert_eq!(writer.write(b"lo").await.unwrap(), 0);
        assert_eq!(kind(writer.write(b"lo").await), ErrorKind::BrokenPipe);
        assert_eq!(
            writer.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"lo"), IoSlice::new(b"!")]).await.unwrap(),
            2
        );
        assert_eq!(writer.written, b"hello");
        writer.flush().await.unwrap();
        writer.shutdown().await.unwrap();
        assert_eq!((writer.flushes, writer.shut_down), (1, true));
    });
}

#[test]
fn write_all_goes_on_until_all_is_taken() {
    block_on(async {
        let mut writer = Script::writing([Take(2), Pending, Fail(ErrorKind::Interrupted), Take(1)]);
        writer.write_all(b"hello").await.unwrap();
        assert_eq!((&writer.written[..], &writer.calls[..]), (&b"hello"[..], &[2, 1, 2][..]));
        writer.write_all(b"").await.unwrap();
        assert_eq!(writer.calls.len(), 3, "nothing to write is no call");

        let mut writer = Script::writing([Take(2), Take(0)]);
        assert_eq!(kind(writer.write_all(b"hello").await), ErrorKind::WriteZero);
        let mut writer = Script::writing([Take(2), Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(kind(writer.write_all(b"hello").await), ErrorKind::BrokenPipe);
    });
}

#[test]
fn bufs_are_taken_from_as_they_are_written() {
    block_on(async {
        for vectored in [false, true] {
            let mut buf = (&b"hel"[..]).chain(&b"lo, world"[..]);
            let mut writer = Script::writing([Pending, Take(2), Pending, Take(4), Fail(ErrorKind::Interrupted)]);
            writer.vectored = vectored;
            assert_eq!(writer.write_buf(&mut buf).await.unwrap(), 2);
            assert_eq!(buf.remaining(), 10);
            writer.write_all_buf(&mut buf).await.unwrap();
            assert!(!buf.has_remaining());
            assert_eq!(writer.written, b"hello, world");
            // One by one a piece of the buffer ends a call; together they do not.
            assert_eq!(writer.calls, if vectored { vec![2, 4, 6] } else { vec![2, 1, 9] });
            assert_eq!(writer.write_buf(&mut buf).await.unwrap(), 0);
        }

        let mut buf = Cursor::new(b"hello");
        let mut writer = Script::writing([Take(2), Take(0)]);
        assert_eq!(kind(writer.write_all_buf(&mut buf).await), ErrorKind::WriteZero);
        assert_eq!(buf.position(), 2);
    });
}

#[test]
fn numbers_go_in_both_orders_and_in_pieces() {
    block_on(async {
        macro_rules! both {
            ($value:expr, $be:ident, $le:ident) => {{
                let mut writer = Script::writing([Pending, Take(1), Pending, Fail(ErrorKind::Interrupted)]);
                writer.$be($value).await.unwrap();
                writer.writes = [Take(1)].into();
                writer.$le($value).await.unwrap();
                assert_eq!(writer.written, [$value.to_be_bytes(), $value.to_le_bytes()].concat());
                writer.writes = [Take(1), Take(0)].into();
                assert_eq!(kind(writer.$be($value).await), ErrorKind::WriteZero);
            }};
        }
        both!(0x0102_u16, write_u16, write_u16_le);
        both!(-0x0102_i16, write_i16, write_i16_le);
        both!(0x0102_0304_u32, write_u32, write_u32_le);
        both!(-0x0102_0304_i32, write_i32, write_i32_le);
        both!(0x0102_0304_0506_0708_u64, write_u64, write_u64_le);
        both!(-0x0102_0304_0506_0708_i64, write_i64, write_i64_le);
        both!(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128, write_u128, write_u128_le);
        both!(-0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_i128, write_i128, write_i128_le);
        both!(1.5_f32, write_f32, write_f32_le);
        both!(-2.5e300_f64, write_f64, write_f64_le);
        let mut writer = Vec::new();
        writer.write_u8(200).await.unwrap();
        writer.write_i8(-1).await.unwrap();
        assert_eq!(writer, [200, 255]);
    });
}

#[test]
fn memory_is_written_as_std_writes_it() {
    block_on(async {
        let mut room = [0; 3];
        let mut cursor = Cursor::new(&mut room[..]);
        assert_eq!(cursor.write(b"hello").await.unwrap(), 3);
        assert_eq!(kind(cursor.write_all(b"lo").await), ErrorKind::WriteZero);
        assert_eq!(&room, b"hel");

        let mut cursor = Cursor::new(b"hello".to_vec());
        cursor.set_position(3);
        cursor.write_vectored(&[IoSlice::new(b"p"), IoSlice::new(b"!!")]).await.unwrap();
        assert_eq!(cursor.into_inner(), b"help!!");

        let mut boxed: Box<dyn gumption_io::io::AsyncWrite + Unpin> =
            Box::new(Cursor::new(vec![0; 2].into_boxed_slice()));
        assert_eq!(boxed.write(b"hello").await.unwrap(), 2);
        boxed.shutdown().await.unwrap();
    });
}

#[test]
fn cancelled_writes_that_are_cancel_safe_are_known() {
    let mut writer = Script::writing([Stuck, Stuck, Stuck, Stuck]).vectored();
    let mut buf = &b"hello"[..];
    assert!(poll_and_drop(writer.write(b"hello")).is_pending());
    assert!(poll_and_drop(writer.write_vectored(&[IoSlice::new(b"hello")])).is_pending());
    assert!(poll_and_drop(writer.write_buf(&mut buf)).is_pending());
    assert!(poll_and_drop(writer.write_u8(1)).is_pending());
    assert_eq!((writer.written.len(), buf.len()), (0, 5));

    writer.writes = [Take(2), Stuck].into();
    assert!(poll_and_drop(writer.write_all_buf(&mut buf)).is_pending());
    assert_eq!(buf, b"llo", "what is written is taken from the caller's buffer");
    assert!(matches!(poll_and_drop(writer.write_all_buf(&mut buf)), Poll::Ready(Ok(()))));
    assert_eq!(writer.written, b"hello");
}

#[test]
fn a_future_is_send_if_its_stream_is() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let mut writer = Script::writing([]);
    let mut buf = &b""[..];
    drop(send(writer.write(b"")));
    drop(send(writer.write_vectored(&[])));
    drop(send(writer.write_buf(&mut buf)));
    drop(send(writer.write_all_buf(&mut buf)));
    drop(send(writer.write_all(b"")));
    drop(send(writer.write_u64(0)));
    drop(send(writer.flush()));
    drop(send(writer.shutdown()));
}
