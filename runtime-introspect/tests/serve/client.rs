//! A client of few words: what is sent is exactly what the test says.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON, {error}: {}", self.text()))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub fn connect(to: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(to).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Whether the other end closes a connection without a word; it is waited for.
pub fn is_closed(mut socket: TcpStream) -> bool {
    match socket.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// The next answer on a connection.
pub fn read(socket: &mut TcpStream, has_body: bool) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut answer = Answer { status, head, body: Vec::new() };
    let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    if has_body {
        answer.body = vec![0; length];
        socket.read_exact(&mut answer.body).expect("the whole body");
    }
    answer
}

/// Sends these bytes on a connection of their own; what comes back.
pub fn send(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut socket = connect(to);
    socket.write_all(bytes).unwrap();
    read(&mut socket, true)
}

pub fn ask(to: SocketAddr, method: &str, target: &str, headers: &str) -> Answer {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}\r\n");
    send(to, request.as_bytes())
}

pub fn get(to: SocketAddr, target: &str) -> Answer {
    ask(to, "GET", target, "")
}
