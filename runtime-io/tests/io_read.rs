//! The reading methods over a stream that gives its bytes in pieces, waits, fails and ends as a script says; and what a
//! call that is dropped leaves behind.

mod script;

use gumption_io::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader, ErrorKind, SeekFrom};
use script::Step::{End, Fail, Pending, Stuck};
use script::{Script, block_on, give, kind, poll_and_drop};
use std::io::Cursor;
use std::task::Poll;

#[test]
fn read_gives_what_is_there_and_then_the_end() {
    block_on(async {
        let mut reader = Script::reading([give("hello"), Pending, give("!"), End, Fail(ErrorKind::ConnectionReset)]);
        let mut buf = [0; 4];
        assert_eq!(reader.read(&mut buf).await.unwrap(), 4);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
        assert_eq!(&buf[..1], b"o");
        assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
        assert_eq!(kind(reader.read(&mut buf).await), ErrorKind::ConnectionReset);
    });
}

#[test]
fn read_exact_fills_over_pieces_and_names_an_early_end() {
    block_on(async {
        let mut reader = Script::reading([give("he"), Pending, Fail(ErrorKind::Interrupted), give("llo!"), Pending]);
        let mut buf = [0; 5];
        assert_eq!(reader.read_exact(&mut buf).await.unwrap(), 5);
        assert_eq!(&buf, b"hello");
        assert_eq!(kind(reader.read_exact(&mut buf).await), ErrorKind::UnexpectedEof);
        assert_eq!(buf[0], b'!');
        assert_eq!(reader.read_exact(&mut []).await.unwrap(), 0, "nothing can be read at the end, too");
    });
}

#[test]
fn read_buf_appends_to_what_the_buffer_is() {
    block_on(async {
        let mut reader = Script::reading([give("hello"), Pending, give("world")]);
        let mut bytes = bytes::BytesMut::with_capacity(64);
        assert_eq!(reader.read_buf(&mut bytes).await.unwrap(), 5);
        assert_eq!(reader.read_buf(&mut bytes).await.unwrap(), 5);
        assert_eq!(reader.read_buf(&mut bytes).await.unwrap(), 0);
        assert_eq!(&bytes[..], b"helloworld");

        let mut full = &mut [0_u8; 0][..];
        let mut reader = Script::reading([Fail(ErrorKind::Other)]);
        assert_eq!(reader.read_buf(&mut full).await.unwrap(), 0, "without room the reader is not asked");
    });
}

#[test]
fn numbers_come_in_both_orders_and_in_pieces() {
    block_on(async {
        macro_rules! both {
            ($value:expr, $be:ident, $le:ident) => {{
                let steps = |bytes: &[u8]| {
                    let (one, rest) = bytes.split_at(1);
                    Script::reading([Pending, give(one), Pending, Fail(ErrorKind::Interrupted), give(rest)])
                };
                assert_eq!(steps(&$value.to_be_bytes()).$be().await.unwrap(), $value);
                assert_eq!(steps(&$value.to_le_bytes()).$le().await.unwrap(), $value);
                let mut short = Script::reading([give(&$value.to_be_bytes()[1..])]);
                assert_eq!(kind(short.$be().await), ErrorKind::UnexpectedEof);
            }};
        }
        both!(0x0102_u16, read_u16, read_u16_le);
        both!(-0x0102_i16, read_i16, read_i16_le);
        both!(0x0102_0304_u32, read_u32, read_u32_le);
        both!(-0x0102_0304_i32, read_i32, read_i32_le);
        both!(0x0102_0304_0506_0708_u64, read_u64, read_u64_le);
        both!(-0x0102_0304_0506_0708_i64, read_i64, read_i64_le);
        both!(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128, read_u128, read_u128_le);
        both!(-0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_i128, read_i128, read_i128_le);
        both!(1.5_f32, read_f32, read_f32_le);
        both!(-2.5e300_f64, read_f64, read_f64_le);
        let mut reader = Script::reading([Pending, give([200, 200])]);
        assert_eq!(reader.read_u8().await.unwrap(), 200);
        assert_eq!(reader.read_i8().await.unwrap(), -56);
        assert_eq!(kind(reader.read_u8().await), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn read_to_end_appends_and_keeps_what_came_before_an_error() {
    block_on(async {
        let large = vec![3; 100_000];
        let mut reader = Script::reading([give("a"), Pending, give(&large), Fail(ErrorKind::Interrupted), give("z")]);
        let mut bytes = b"0".to_vec();
        assert_eq!(reader.read_to_end(&mut bytes).await.unwrap(), 100_002);
        assert!(bytes == [b"0a", &large[..], b"z"].concat());

        let mut reader = Script::reading([give("kept"), Fail(ErrorKind::ConnectionReset)]);
        let mut bytes = Vec::new();
        assert_eq!(kind(reader.read_to_end(&mut bytes).await), ErrorKind::ConnectionReset);
        assert_eq!(bytes, b"kept");
    });
}

#[test]
fn a_vector_of_the_right_size_is_not_made_larger_to_see_the_end() {
    block_on(async {
        let mut bytes = Vec::with_capacity(100);
        let capacity = bytes.capacity();
        Script::reading([give(vec![1; capacity])]).read_to_end(&mut bytes).await.unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (capacity, capacity));
        // One more than fits, found by the small read.
        let mut bytes = Vec::with_capacity(capacity);
        Script::reading([give(vec![1; capacity + 1])]).read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, vec![1; capacity + 1]);
    });
}

#[test]
fn read_to_string_leaves_the_string_as_it_was_on_every_error() {
    block_on(async {
        // A character in two pieces.
        let mut reader = Script::reading([give([0xc3]), Pending, give([0xa9])]);
        let mut text = String::from("caf");
        assert_eq!(reader.read_to_string(&mut text).await.unwrap(), 2);
        assert_eq!(text, "café");

        for steps in [
            vec![give([0xff])],
            vec![give("fine"), Fail(ErrorKind::ConnectionReset)],
            vec![give([0xff]), Fail(ErrorKind::ConnectionReset)],
        ] {
            let expected = match steps.len() {
                1 => ErrorKind::InvalidData,
                _ => ErrorKind::ConnectionReset,
            };
            assert_eq!(kind(Script::reading(steps).read_to_string(&mut text).await), expected);
            assert_eq!(text, "café");
        }
    });
}

#[test]
fn read_until_and_lines_find_delimiters_across_pieces() {
    block_on(async {
        let steps = || [give("one\r"), Pending, give("\ntw"), Fail(ErrorKind::Interrupted), give("o\n\nlast")];
        let mut reader = BufReader::with_capacity(3, Script::reading(steps()));
        let mut bytes = Vec::new();
        assert_eq!(reader.read_until(b'\n', &mut bytes).await.unwrap(), 5);
        assert_eq!(reader.read_until(b'\n', &mut bytes).await.unwrap(), 4);
        assert_eq!(bytes, b"one\r\ntwo\n");

        let mut lines = BufReader::with_capacity(3, Script::reading(steps())).lines();
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(line);
        }
        assert_eq!(all, ["one", "two", "", "last"]);

        let mut segments = BufReader::new(Script::reading([give("a,"), Pending, give(",b,")])).split(b',');
        let mut all = Vec::new();
        while let Some(segment) = segments.next_segment().await.unwrap() {
            all.push(segment);
        }
        assert_eq!(all, [&b"a"[..], b"", b"b"]);
    });
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_is_not() {
    block_on(async {
        let bytes = b"\xff\xfe\nfine\n".to_vec();
        let mut lines = Cursor::new(bytes.clone()).lines();
        assert_eq!(kind(lines.next_line().await), ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("fine"));

        let mut reader = Cursor::new(bytes);
        let mut text = String::from("before ");
        assert_eq!(kind(reader.read_line(&mut text).await), ErrorKind::InvalidData);
        assert_eq!(text, "before ");
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 5);
        assert_eq!(text, "before fine\n");

        // Of text, what came before another error stays.
        let mut reader = BufReader::new(Script::reading([give("half a"), Fail(ErrorKind::ConnectionReset)]));
        let mut text = String::new();
        assert_eq!(kind(reader.read_line(&mut text).await), ErrorKind::ConnectionReset);
        assert_eq!(text, "half a");
    });
}

#[test]
fn fill_buf_shows_again_what_was_not_consumed() {
    block_on(async {
        let mut reader = BufReader::new(Script::reading([Pending, give("hello"), Pending, give("!")]));
        assert_eq!(reader.fill_buf().await.unwrap(), b"hello");
        reader.consume(2);
        assert_eq!(reader.fill_buf().await.unwrap(), b"llo");
        reader.consume(100);
        assert_eq!(reader.fill_buf().await.unwrap(), b"!");
        reader.consume(1);
        assert_eq!(reader.fill_buf().await.unwrap(), b"");
    });
}

#[test]
fn take_does_not_ask_behind_its_limit() {
    block_on(async {
        let mut reader = Script::reading([give("he"), Pending, give("llo"), Fail(ErrorKind::Other)]).take(4);
        let mut text = String::new();
        assert_eq!(reader.read_to_string(&mut text).await.unwrap(), 4);
        assert_eq!((text.as_str(), reader.limit()), ("hell", 0));
        reader.set_limit(1);
        assert_eq!(reader.read_u8().await.unwrap(), b'o');
        assert_eq!(reader.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(kind(reader.get_mut().read(&mut [0; 4]).await), ErrorKind::Other);

        let mut reader = BufReader::new(Script::reading([give("one\ntwo\n")])).take(6);
        let mut bytes = Vec::new();
        assert_eq!(reader.read_until(b'\n', &mut bytes).await.unwrap(), 4);
        assert_eq!(reader.read_until(b'\n', &mut bytes).await.unwrap(), 2);
        assert_eq!(reader.into_inner().buffer(), b"o\n");
    });
}

#[test]
fn chain_goes_on_only_at_a_real_end() {
    block_on(async {
        let first = Script::reading([give("one"), Pending]);
        let mut reader = first.chain(Script::reading([Pending, give(" two")]));
        assert_eq!(reader.read(&mut []).await.unwrap(), 0, "no room is not the end");
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "one two");

        let mut lines = BufReader::new(Script::reading([give("a\nb")])).chain(&b"c\nd"[..]).lines();
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(line);
        }
        assert_eq!(all, ["a", "bc", "d"]);
    });
}

#[test]
fn seeks_move_reads() {
    block_on(async {
        let mut stream = BufReader::with_capacity(2, Cursor::new(b"0123456789"));
        assert_eq!(stream.read_u8().await.unwrap(), b'0');
        assert_eq!(stream.buffer(), b"1");
        assert_eq!(stream.seek(SeekFrom::Current(2)).await.unwrap(), 3, "from where the reader is, not the stream");
        assert_eq!(stream.read_u8().await.unwrap(), b'3');
        assert_eq!(stream.stream_position().await.unwrap(), 4);
        stream.rewind().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'0');
        assert_eq!(kind(stream.seek(SeekFrom::Current(-2)).await), ErrorKind::InvalidInput);
        assert_eq!(
            kind(stream.seek(SeekFrom::Current(i64::MIN)).await),
            ErrorKind::InvalidInput,
            "too far for one step"
        );
        assert_eq!(stream.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        assert_eq!(stream.read_u8().await.unwrap(), b'9');
    });
}

#[test]
fn cancelled_calls_that_are_cancel_safe_lose_nothing() {
    let mut reader = Script::reading([Stuck, Stuck, Stuck, give("hello")]);
    let mut buf = [0; 5];
    assert!(poll_and_drop(reader.read(&mut buf)).is_pending());
    assert!(poll_and_drop(reader.read_buf(&mut Vec::new())).is_pending());
    assert!(poll_and_drop(reader.read_u8()).is_pending());
    assert!(matches!(poll_and_drop(reader.read(&mut buf)), Poll::Ready(Ok(5))));
    assert_eq!(&buf, b"hello");

    let mut reader = BufReader::new(Script::reading([give("one "), Stuck, give("line\n"), Stuck, give("two\n")]));
    let mut bytes = Vec::new();
    assert!(poll_and_drop(reader.read_until(b'\n', &mut bytes)).is_pending());
    assert_eq!(bytes, b"one ", "what was read is in the caller's vector");
    assert!(matches!(poll_and_drop(reader.read_until(b'\n', &mut bytes)), Poll::Ready(Ok(5))));
    assert_eq!(bytes, b"one line\n");
    assert!(poll_and_drop(reader.fill_buf()).is_pending());
    assert!(matches!(poll_and_drop(reader.fill_buf()), Poll::Ready(Ok(b"two\n"))));

    let mut lines = BufReader::new(Script::reading([give("half "), Stuck, give("and half\n")])).lines();
    assert!(poll_and_drop(lines.next_line()).is_pending());
    assert!(matches!(poll_and_drop(lines.next_line()), Poll::Ready(Ok(Some(line))) if line == "half and half"));

    let mut segments = BufReader::new(Script::reading([give("half "), Stuck, give("and half;")])).split(b';');
    assert!(poll_and_drop(segments.next_segment()).is_pending());
    assert!(matches!(poll_and_drop(segments.next_segment()), Poll::Ready(Ok(Some(it))) if it == b"half and half"));
}

#[test]
fn a_future_is_send_if_its_stream_is() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let mut reader = BufReader::new(Script::reading([]));
    let (mut bytes, mut text) = (Vec::new(), String::new());
    drop(send(reader.read(&mut [])));
    drop(send(reader.read_exact(&mut [])));
    drop(send(reader.read_buf(&mut bytes)));
    drop(send(reader.read_u64()));
    drop(send(reader.read_to_end(&mut bytes)));
    drop(send(reader.read_to_string(&mut text)));
    drop(send(reader.read_until(0, &mut bytes)));
    drop(send(reader.read_line(&mut text)));
    drop(send(reader.fill_buf()));
    drop(send(send((&mut reader).lines()).next_line()));
    drop(send(send(AsyncBufReadExt::split(&mut reader, 0)).next_segment()));
}
