//! Random programs: our buffers and copies beside std's, over streams that give and take in random pieces with waits in
//! between. What comes out must be what std brings out, whatever the pieces.

mod script;

use gumption_io::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, ReadBuf, SeekFrom, copy,
    copy_bidirectional, copy_buf, duplex,
};
use proptest::collection::vec;
use proptest::prelude::*;
use script::Step::{Fail, Pending, Stuck, Take};
use script::{Script, Step, block_on, give, poll_and_drop};
use std::io::{self, BufRead, Cursor, IoSlice, Read, Seek, Write};
use std::task::Poll;

/// Bytes in pieces, with waits between some of them; none is empty, which would be the end.
fn pieces() -> impl Strategy<Value = (Vec<u8>, Vec<Step>)> {
    let piece = (vec(any::<u8>(), 1..40), any::<bool>(), any::<bool>());
    vec(piece, 0..20).prop_map(|pieces| {
        let bytes = pieces.iter().flat_map(|(bytes, ..)| bytes.clone()).collect();
        let steps = pieces.into_iter().flat_map(|(bytes, wait, again)| {
            let wait = wait.then_some(Pending);
            let again = again.then_some(Fail(io::ErrorKind::Interrupted));
            [wait, again, Some(give(bytes))].into_iter().flatten()
        });
        (bytes, steps.collect())
    })
}

/// The same without interruptions, for calls that hand every error on.
fn calm_pieces() -> impl Strategy<Value = (Vec<u8>, Vec<Step>)> {
    pieces().prop_map(|(bytes, mut steps)| {
        steps.retain(|step| !matches!(step, Fail(_)));
        (bytes, steps)
    })
}

fn takes() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Pending), Just(Fail(io::ErrorKind::Interrupted)), (1..50_usize).prop_map(Take)];
    vec(step, 0..30)
}

fn calm_takes() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![Just(Pending), (1..50_usize).prop_map(Take)], 0..30)
}

/// What a program does with a buffered reader.
#[derive(Clone, Debug)]
enum Reading {
    Exact(usize),
    Until(u8),
    Skip(usize),
    Take(u64),
}

fn readings() -> impl Strategy<Value = Vec<Reading>> {
    let one = prop_oneof![
        (0..30_usize).prop_map(Reading::Exact),
        any::<u8>().prop_map(Reading::Until),
        (0..30_usize).prop_map(Reading::Skip),
        (0..60_u64).prop_map(Reading::Take),
    ];
    vec(one, 0..20)
}

/// What a program does with a buffered writer.
#[derive(Clone, Debug)]
enum Writing {
    All(Vec<u8>),
    Pieces(Vec<Vec<u8>>),
    Flush,
}

fn writings() -> impl Strategy<Value = Vec<Writing>> {
    let one = prop_oneof![
        vec(any::<u8>(), 0..40).prop_map(Writing::All),
        vec(vec(any::<u8>(), 0..20), 0..5).prop_map(Writing::Pieces),
        Just(Writing::Flush),
    ];
    vec(one, 0..20)
}

fn seeks() -> impl Strategy<Value = Vec<(SeekFrom, usize)>> {
    let to = prop_oneof![
        (0..70_u64).prop_map(SeekFrom::Start),
        (-40..40_i64).prop_map(SeekFrom::Current),
        (-70..10_i64).prop_map(SeekFrom::End),
    ];
    vec((to, 0..20_usize), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_buffered_reader_reads_what_stds_reads(
        (bytes, steps) in calm_pieces(),
        program in readings(),
        capacity in 1..20_usize,
    ) {
        block_on(async {
            let mut ours = BufReader::with_capacity(capacity, Script::reading(steps));
            let mut theirs = io::BufReader::new(&bytes[..]);
            for step in program {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                match step {
                    Reading::Exact(count) => {
                        a.resize(count, 0);
                        b.resize(count, 0);
                        let (ours, theirs) = (ours.read_exact(&mut a).await, theirs.read_exact(&mut b));
                        prop_assert_eq!(ours.map(drop).map_err(|e| e.kind()), theirs.map_err(|e| e.kind()));
                        // How much an early end leaves there is neither's promise.
                        if a.len() == count { continue; }
                    }
                    Reading::Until(byte) => {
                        let (ours, theirs) = (ours.read_until(byte, &mut a).await, theirs.read_until(byte, &mut b));
                        prop_assert_eq!(ours.unwrap(), theirs.unwrap());
                    }
                    Reading::Skip(count) => {
                        let ours_now = ours.fill_buf().await.unwrap().len().min(count);
                        let theirs_now = theirs.fill_buf().unwrap().len();
                        prop_assert_eq!(ours_now == 0, theirs_now == 0 || count == 0);
                        ours.consume(ours_now);
                        theirs.consume(ours_now);
                    }
                    Reading::Take(limit) => {
                        let count = (&mut ours).take(limit).read_to_end(&mut a).await.unwrap();
                        prop_assert_eq!(count, (&mut theirs).take(limit).read_to_end(&mut b).unwrap());
                    }
                }
                prop_assert_eq!(a, b);
            }
            let (mut a, mut b) = (Vec::new(), Vec::new());
            ours.read_to_end(&mut a).await.unwrap();
            theirs.read_to_end(&mut b).unwrap();
            prop_assert_eq!(a, b);
            Ok(())
        })?;
    }

    #[test]
    fn lines_are_stds_lines((bytes, steps) in pieces(), capacity in 1..20_usize) {
        block_on(async {
            let mut lines = BufReader::with_capacity(capacity, Script::reading(steps)).lines();
            for line in BufRead::lines(&bytes[..]) {
                match (lines.next_line().await, line) {
                    (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, Some(theirs)),
                    (ours, theirs) => prop_assert_eq!(ours.unwrap_err().kind(), theirs.unwrap_err().kind()),
                }
            }
            prop_assert_eq!(lines.next_line().await.unwrap(), None);
            Ok(())
        })?;
    }

    #[test]
    fn a_buffered_writer_writes_what_stds_writes(
        program in writings(),
        steps in takes(),
        capacity in 0..40_usize,
        vectored: bool,
    ) {
        // `write_vectored` hands an interruption on.
        let steps: Vec<Step> = match program.iter().any(|step| matches!(step, Writing::Pieces(_))) {
            true => steps.into_iter().filter(|step| !matches!(step, Fail(_))).collect(),
            false => steps,
        };
        block_on(async {
            let script = Script { vectored, ..Script::writing(steps) };
            let mut ours = BufWriter::with_capacity(capacity, script);
            let mut theirs = Vec::new();
            for step in program {
                match step {
                    Writing::All(bytes) => {
                        ours.write_all(&bytes).await.unwrap();
                        theirs.extend_from_slice(&bytes);
                    }
                    Writing::Pieces(pieces) => {
                        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                        let count = ours.write_vectored(&slices).await.unwrap();
                        let whole = pieces.concat();
                        prop_assert!(count <= whole.len());
                        prop_assert!(count > 0 || whole.is_empty());
                        theirs.extend_from_slice(&whole[..count]);
                    }
                    Writing::Flush => {
                        ours.flush().await.unwrap();
                        prop_assert_eq!(&ours.get_ref().written, &theirs);
                    }
                }
                prop_assert_eq!([&ours.get_ref().written[..], ours.buffer()].concat(), theirs.clone());
            }
            ours.shutdown().await.unwrap();
            prop_assert_eq!(&ours.get_ref().written, &theirs);
            Ok(())
        })?;
    }

    #[test]
    fn a_buffered_reader_seeks_as_stds_does(bytes in vec(any::<u8>(), 0..64), program in seeks(), capacity in 1..20_usize) {
        block_on(async {
            let mut ours = BufReader::with_capacity(capacity, Cursor::new(bytes.clone()));
            let mut theirs = io::BufReader::with_capacity(capacity, Cursor::new(bytes));
            for (to, count) in program {
                let (at, expected) = (ours.seek(to).await, theirs.seek(to));
                prop_assert_eq!(at.map_err(|e| e.kind()), expected.map_err(|e| e.kind()));
                let (mut a, mut b) = (Vec::new(), Vec::new());
                (&mut ours).take(count as u64).read_to_end(&mut a).await.unwrap();
                (&mut theirs).take(count as u64).read_to_end(&mut b).unwrap();
                prop_assert_eq!(a, b);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_buffered_writer_seeks_as_stds_does(
        // Never no bytes: without a buffer std passes them on, and its cursor then fills up to where it stands.
        program in vec((vec(any::<u8>(), 1..30), 0..60_u64), 0..20),
        capacity in 0..40_usize,
    ) {
        block_on(async {
            let mut ours = BufWriter::with_capacity(capacity, Cursor::new(Vec::new()));
            let mut theirs = io::BufWriter::with_capacity(capacity, Cursor::new(Vec::new()));
            for (bytes, to) in program {
                ours.write_all(&bytes).await.unwrap();
                theirs.write_all(&bytes).unwrap();
                prop_assert_eq!(ours.seek(SeekFrom::Start(to)).await.unwrap(), theirs.seek(SeekFrom::Start(to)).unwrap());
            }
            ours.flush().await.unwrap();
            prop_assert_eq!(ours.into_inner().into_inner(), theirs.into_inner().unwrap().into_inner());
            Ok(())
        })?;
    }

    #[test]
    fn a_copy_copies((bytes, steps) in pieces(), takes in takes(), capacity in 1..100_usize, buffered: bool) {
        block_on(async {
            let mut writer = BufWriter::with_capacity(capacity, Script::writing(takes.clone()));
            let count = match buffered {
                true => copy_buf(&mut BufReader::with_capacity(capacity, Script::reading(steps)), &mut writer).await,
                false => copy(&mut Script::reading(steps), &mut writer).await,
            };
            prop_assert_eq!(count.unwrap(), bytes.len() as u64);
            prop_assert_eq!(&writer.get_ref().written, &bytes);
            prop_assert_eq!(writer.buffer(), b"");
            Ok(())
        })?;
    }

    #[test]
    fn a_proxy_copies_both_ways(
        (there, reads_a) in pieces(),
        (back, reads_b) in pieces(),
        writes_a in takes(),
        writes_b in takes(),
    ) {
        block_on(async {
            let mut a = Script { writes: writes_a.into(), ..Script::reading(reads_a) };
            let mut b = Script { writes: writes_b.into(), ..Script::reading(reads_b) };
            let counts = copy_bidirectional(&mut a, &mut b).await.unwrap();
            prop_assert_eq!(counts, (there.len() as u64, back.len() as u64));
            prop_assert_eq!((&b.written, b.shut_down), (&there, true));
            prop_assert_eq!((&a.written, a.shut_down), (&back, true));
            Ok(())
        })?;
    }

    #[test]
    fn a_pipe_loses_and_repeats_nothing(
        writes in vec(vec(any::<u8>(), 0..30), 0..20),
        rooms in vec(1..40_usize, 1..10),
        capacity in 1..40_usize,
    ) {
        block_on(async {
            let (mut here, mut there) = duplex(capacity);
            let sent = writes.concat();
            let write = gumption_core::spawn(async move {
                for bytes in writes {
                    here.write_all(&bytes).await.unwrap();
                }
            });
            let mut received = Vec::new();
            for room in rooms.iter().cycle() {
                let mut buf = vec![0; *room];
                let count = there.read(&mut buf).await.unwrap();
                prop_assert!(count <= capacity.min(*room));
                if count == 0 {
                    break;
                }
                received.extend_from_slice(&buf[..count]);
            }
            write.await.unwrap();
            prop_assert_eq!(received, sent);
            Ok(())
        })?;
    }

    /// `write` by `write`, each call counted: nothing is taken twice and nothing is dropped.
    #[test]
    fn single_writes_are_counted_truly(
        bytes in vec(any::<u8>(), 0..200),
        sizes in vec(1..50_usize, 1..20),
        steps in calm_takes(),
        capacity in 0..40_usize,
    ) {
        block_on(async {
            let mut writer = BufWriter::with_capacity(capacity, Script::writing(steps));
            let mut left = &bytes[..];
            for size in sizes.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let count = writer.write(&left[..left.len().min(*size)]).await.unwrap();
                prop_assert!(count > 0 && count <= *size);
                left = &left[count..];
            }
            writer.flush().await.unwrap();
            prop_assert_eq!(&writer.get_ref().written, &bytes);
            Ok(())
        })?;
    }

    /// Every call that is cancel safe, dropped at every point where it waits, and made again.
    #[test]
    fn dropped_calls_lose_nothing((bytes, steps) in calm_pieces(), takes in calm_takes(), capacity in 1..20_usize) {
        /// The result of the first call that is not dropped.
        macro_rules! again {
            ($call:expr) => {
                loop {
                    if let Poll::Ready(result) = poll_and_drop($call) {
                        break result.unwrap();
                    }
                }
            };
        }
        let stuck = |steps: &[Step]| -> Vec<Step> {
            steps.iter().map(|step| if let Pending = step { Stuck } else { step.clone() }).collect()
        };
        let (steps, takes) = (stuck(&steps), stuck(&takes));
        let reader = || BufReader::with_capacity(capacity, Script::reading(steps.clone()));

        let mut segments = AsyncBufReadExt::split(reader(), 0);
        for segment in BufRead::split(&bytes[..], 0) {
            prop_assert_eq!(again!(segments.next_segment()), Some(segment.unwrap()));
        }
        prop_assert_eq!(again!(segments.next_segment()), None);

        let (mut untils, mut all) = (reader(), Vec::new());
        while again!(untils.read_until(7, &mut all)) > 0 {}
        prop_assert_eq!(&all, &bytes);

        let (mut single, mut all) = (reader(), Vec::new());
        for _ in &bytes {
            all.push(again!(single.read_u8()));
        }
        prop_assert_eq!(&all, &bytes);

        let (mut plain, mut all) = (Script::reading(steps.clone()), Vec::new());
        while again!(plain.read_buf(&mut all)) > 0 {}
        prop_assert_eq!(&all, &bytes);

        let (mut from, mut to) = (reader(), Script::writing(takes.clone()));
        again!(copy_buf(&mut from, &mut to));
        prop_assert_eq!(&to.written, &bytes);

        let (mut from, mut to) = (&bytes[..], BufWriter::with_capacity(capacity, Script::writing(takes)));
        again!(to.write_all_buf(&mut from));
        again!(to.flush());
        prop_assert_eq!(&to.get_ref().written, &bytes);
    }

    /// A `ReadBuf` beside three plain vectors: what is filled, what is initialized, what is there.
    #[test]
    fn a_read_buf_keeps_its_marks(
        capacity in 0..40_usize,
        initialized: bool,
        program in vec((0..5_u8, 0..30_usize, any::<u8>()), 0..30),
    ) {
        let mut known = vec![0xaa; capacity];
        let mut unknown = vec![std::mem::MaybeUninit::uninit(); capacity];
        let mut buf = match initialized {
            true => ReadBuf::new(&mut known),
            false => ReadBuf::uninit(&mut unknown),
        };
        let mut filled: Vec<u8> = Vec::new();
        let mut ready = if initialized { capacity } else { 0 };
        for (what, count, byte) in program {
            match what {
                0 if count <= buf.remaining() => {
                    buf.put_slice(&vec![byte; count]);
                    filled.extend(vec![byte; count]);
                    ready = ready.max(filled.len());
                }
                1 if count <= buf.remaining() => {
                    buf.initialize_unfilled_to(count).fill(byte);
                    ready = ready.max(filled.len() + count);
                }
                2 if count <= ready - filled.len() => {
                    filled.extend_from_slice(&buf.initialized()[filled.len()..filled.len() + count]);
                    buf.advance(count);
                }
                3 => {
                    buf.clear();
                    filled.clear();
                }
                4 => {
                    let mut part = buf.take(count);
                    let count = part.capacity();
                    part.put_slice(&vec![byte; count]);
                    // SAFETY: `put_slice` has initialized them.
                    unsafe { buf.assume_init(count) };
                    ready = ready.max(filled.len() + count);
                }
                _ => {}
            }
            prop_assert_eq!(buf.filled(), &filled[..]);
            prop_assert_eq!(buf.initialized().len(), ready);
            prop_assert_eq!(buf.remaining(), capacity - filled.len());
        }
    }
}

#[test]
fn a_read_buf_refuses_what_does_not_fit() {
    let panics = |f: fn(&mut ReadBuf<'_>)| {
        let mut memory = [std::mem::MaybeUninit::uninit(); 4];
        std::panic::catch_unwind(move || f(&mut ReadBuf::uninit(&mut memory))).is_err()
    };
    assert!(panics(|buf| buf.put_slice(&[0; 5])));
    assert!(panics(|buf| buf.advance(1)), "it is not initialized");
    assert!(panics(|buf| buf.set_filled(1)));
    assert!(panics(|buf| buf.initialize_unfilled_to(5).fill(0)));
    assert!(!panics(|buf| {
        buf.initialize_unfilled_to(2);
        buf.advance(2);
        bytes::BufMut::put_u8(buf, 7);
        assert_eq!(buf.filled(), [0, 0, 7]);
        assert_eq!(bytes::BufMut::remaining_mut(buf), 1);
        assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 3, initialized: 3, capacity: 4 }");
    }));
}
