//! A TCP connection to ourselves: one end for an OS thread, the other for tasks.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use gumption::runtime::Handle;

/// Both ends, made without the runtime's help, so that a runtime that looks for no events has its connection all the same.
///
/// # Errors
/// What the system says.
pub fn loopback(runtime: &Handle) -> io::Result<(TcpStream, gumption::net::TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    there.set_nonblocking(true)?;
    let _inside = runtime.enter();
    Ok((here, gumption::net::TcpStream::from_std(there)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumption::io::{AsyncReadExt, AsyncWriteExt};
    use std::io::{Read, Write};

    #[test]
    fn both_ends_talk() {
        let runtime = gumption::runtime::Builder::new_multi_thread().processors(1).enable_all().build().unwrap();
        let (mut here, mut there) = loopback(runtime.handle()).unwrap();
        let echo = runtime.spawn(async move {
            let mut bytes = [0; 3];
            there.read_exact(&mut bytes).await.unwrap();
            there.write_all(&bytes).await.unwrap();
        });
        here.write_all(b"yes").unwrap();
        let mut bytes = [0; 3];
        here.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"yes");
        runtime.block_on(echo).unwrap();
    }
}
