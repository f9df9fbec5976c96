//! What descriptors are said to be.
#![cfg(target_os = "linux")]

mod both;

use std::os::fd::AsRawFd;

use both::{Result, on_each, pair};
use gumption_core::wait::WaitReason;
use gumption_io::describe::{describe, waits_for};
use gumption_io::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener, UnixStream, unix::pipe};

fn of(fd: &impl AsRawFd) -> String {
    describe(fd.as_raw_fd()).expect("it is open")
}

#[test]
fn ip_sockets() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        assert_eq!(of(&listener), format!("tcp listener {}", listener.local_addr()?));
        let (client, server) = pair().await?;
        let (here, there) = (client.local_addr()?, server.local_addr()?);
        assert_eq!(of(&client), format!("tcp {here} -> {there}"));
        assert_eq!(of(&server), format!("tcp {there} -> {here}"));

        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        assert_eq!(of(&a), format!("udp {}", a.local_addr()?));
        a.connect(b.local_addr()?).await?;
        assert_eq!(of(&a), format!("udp {} -> {}", a.local_addr()?, b.local_addr()?));
        Ok(())
    });
}

#[test]
fn unix_sockets() {
    on_each(|| async {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        let path = path.display();
        assert_eq!(of(&listener), format!("unix listener {path}"));
        let client = UnixStream::connect(path.to_string()).await?;
        let (server, _) = listener.accept().await?;
        assert_eq!(of(&client), format!("unix -> {path}"));
        assert_eq!(of(&server), format!("unix {path}"));
        let (a, _b) = UnixStream::pair()?;
        assert_eq!(of(&a), "unix (unnamed)");
        assert_eq!(of(&UnixDatagram::unbound()?), "unix datagram (unnamed)");
        let name = format!("\0gumption-describe-{}-{}", std::process::id(), a.as_raw_fd());
        assert_eq!(of(&UnixListener::bind(&name)?), format!("unix listener @{}", &name[1..]));
        Ok(())
    });
}

#[test]
fn pipes_files_and_nothing() {
    on_each(|| async {
        let (sender, receiver) = pipe::pipe()?;
        assert_eq!((of(&sender), of(&receiver)), ("pipe".to_owned(), "pipe".to_owned()));
        let file = tempfile::NamedTempFile::new()?;
        assert_eq!(of(file.as_file()), file.path().canonicalize()?.display().to_string());
        assert_eq!(describe(-1), None);
        assert_eq!(describe(i32::MAX), None);
        Ok(())
    });
}

#[test]
fn a_wait_in_words() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let fd = listener.as_raw_fd() as u64;
        let addr = listener.local_addr()?;
        assert_eq!(waits_for(WaitReason::IoAccept, fd), format!("IO accept fd {fd} tcp listener {addr}"));
        assert_eq!(waits_for(WaitReason::IoWrite, u64::MAX), format!("IO write fd {} (not open)", u64::MAX));
        assert_eq!(waits_for(WaitReason::ChanRecv, 0xdead_beef), "chan receive");
        assert_eq!(waits_for(WaitReason::Sleep, 0), "sleep");
        assert_eq!(waits_for(WaitReason::Join, 7), "join task 7");
        assert_eq!(waits_for(WaitReason::Signal, 15), "signal 15");
        assert_eq!(waits_for(WaitReason::Select, 3), "select of 3");
        Result::Ok(())
    });
}
