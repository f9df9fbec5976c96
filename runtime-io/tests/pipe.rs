//! Pipes: the end, the broken pipe, a full one, FIFOs, and descriptors that are no pipes.
#![cfg(unix)]

mod both;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use both::{Result, on_each, pattern, poll_once};
use gumption_core::{spawn, yield_now};
use gumption_io::io::{AsyncReadExt, AsyncWriteExt};
use gumption_io::net::unix::pipe;

fn make_fifo(path: &Path) -> Result {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is a string that ends.
    if unsafe { libc::mkfifo(path.as_ptr(), 0o600) } < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

fn is_blocking(fd: &impl AsFd) -> bool {
    // SAFETY: the descriptor is open; F_GETFL takes no argument.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_NONBLOCK == 0
}

#[test]
fn bytes_and_then_the_end() {
    on_each(|| async {
        let (mut sender, mut receiver) = pipe::pipe()?;
        let sent = pattern(1 << 20);
        let writer = {
            let sent = sent.clone();
            spawn(async move { sender.write_all(&sent).await })
        };
        let mut heard = Vec::new();
        receiver.read_to_end(&mut heard).await?;
        writer.await??;
        assert!(heard == sent);
        assert_eq!(receiver.read(&mut [0; 4]).await?, 0, "the end stays");
        Ok(())
    });
}

#[test]
fn without_a_receiver_it_is_broken() {
    on_each(|| async {
        let (mut sender, receiver) = pipe::pipe()?;
        sender.writable().await?;
        while sender.try_write(&[0; 4096]).is_ok() {}
        let writer = spawn(async move { sender.write_all(b"x").await });
        yield_now().await;
        drop(receiver);
        assert_eq!(writer.await?.unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_write_that_is_given_up_has_written_nothing() {
    on_each(|| async {
        let (mut sender, mut receiver) = pipe::pipe()?;
        sender.writable().await?;
        let mut accepted = 0;
        while let Ok(n) = sender.try_write(&[7; 4096]) {
            accepted += n;
        }
        assert!(poll_once(sender.write(b"never")).await.is_none());
        assert!(poll_once(sender.writable()).await.is_none());
        drop(sender);
        let mut heard = Vec::new();
        receiver.read_to_end(&mut heard).await?;
        assert!(accepted > 0 && heard == vec![7; accepted]);
        Ok(())
    });
}

#[test]
fn many_wait_and_each_byte_goes_to_one() {
    on_each(|| async {
        const READERS: usize = 10;
        let (mut sender, receiver) = pipe::pipe()?;
        let receiver = Arc::new(receiver);
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(async move {
                    let mut heard = Vec::new();
                    loop {
                        receiver.readable().await?;
                        let mut bytes = [0; 3];
                        match receiver.try_read(&mut bytes) {
                            Ok(0) => return Result::Ok(heard),
                            Ok(n) => heard.extend_from_slice(&bytes[..n]),
                            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                            Err(error) => return Err(error),
                        }
                    }
                })
            })
            .collect();
        for byte in 0..=255 {
            sender.write_all(&[byte]).await?;
            yield_now().await;
        }
        drop(sender);
        let mut heard = Vec::new();
        for reader in readers {
            heard.extend(reader.await??);
        }
        heard.sort_unstable();
        assert_eq!(heard, (0..=255).collect::<Vec<u8>>());
        Ok(())
    });
}

#[test]
fn a_fifo_by_its_path() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("fifo");
        make_fifo(&path)?;
        let nobody_reads = pipe::OpenOptions::new().open_sender(&path).unwrap_err();
        assert_eq!(nobody_reads.raw_os_error(), Some(libc::ENXIO));
        let mut receiver = pipe::OpenOptions::new().open_receiver(&path)?;
        for round in 0..3_u8 {
            let mut sender = pipe::OpenOptions::new().open_sender(&path)?;
            sender.write_all(&[round; 10]).await?;
            drop(sender);
            let mut heard = Vec::new();
            receiver.read_to_end(&mut heard).await?;
            assert_eq!(heard, [round; 10]);
        }
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_fifo_that_is_open_at_both_ends_never_ends() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("fifo");
        make_fifo(&path)?;
        let mut sender = pipe::OpenOptions::new().read_write(true).open_sender(&path)?;
        let mut receiver = pipe::OpenOptions::new().read_write(true).unchecked(true).open_receiver(&path)?;
        sender.write_all(b"hello").await?;
        drop(sender);
        receiver.read_exact(&mut [0; 5]).await?;
        assert!(poll_once(receiver.read(&mut [0; 4])).await.is_none());
        Ok(())
    });
}

#[test]
fn what_is_no_pipe_is_refused() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("file");
        std::fs::write(&file, b"hello")?;
        let open = pipe::OpenOptions::new();
        assert_eq!(open.open_receiver(&file).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(open.open_sender(&file).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(pipe::Receiver::from_file(File::open(&file)?).unwrap_err().kind(), ErrorKind::InvalidInput);
        // A file that the system cannot poll is an error even without the check.
        assert!(pipe::Receiver::from_file_unchecked(File::open(&file)?).is_err());

        let (reader, writer) = std::io::pipe()?;
        let wrong_way = pipe::Receiver::from_owned_fd(writer.into()).unwrap_err();
        assert_eq!(wrong_way.kind(), ErrorKind::InvalidInput);
        assert_eq!(pipe::Sender::from_owned_fd(reader.into()).unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn the_mode_of_a_descriptor_goes_there_and_back() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("fifo");
        make_fifo(&path)?;
        // A blocking open of one end waits for the other; one of both does not, where that is allowed.
        let both = OpenOptions::new().read(true).write(true).open(&path)?;
        assert!(is_blocking(&both));
        let sender = pipe::Sender::from_file(both.try_clone()?)?;
        let mut receiver = pipe::Receiver::from_file(both)?;
        assert!(!is_blocking(&sender) && !is_blocking(&receiver));
        sender.writable().await?;
        assert_eq!(sender.try_write(b"hello")?, 5);
        receiver.read_exact(&mut [0; 5]).await?;
        assert!(!is_blocking(&sender.into_nonblocking_fd()?));
        assert!(is_blocking(&receiver.into_blocking_fd()?));
        Ok(())
    });
}
