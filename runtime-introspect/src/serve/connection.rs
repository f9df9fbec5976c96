//! One connection: read a request, answer it, and so on until one side has had enough.
//!
//! Reading and writing have deadlines for the whole, not for each byte: a client that sends a byte a second, or takes one, is
//! gone when its time is over. After a request that was refused for its form the connection is closed, because where
//! the next one would begin is not known; what the client is still sending is read for a moment and thrown away, so that the
//! answer is not lost with a reset.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::house::House;
use super::places::Place;
use super::request::{Method, Read, Request, read};
use super::response::{Refusal, Response, Status};
use super::table;
use crate::cost;
use crate::length;

/// Bytes that are read at once.
const CHUNK: usize = 4 * 1024;
/// Requests on one connection: then the client may open another one.
const MOST_REQUESTS: usize = 1_000;
/// How much of what a refused client sends is thrown away, and for how long.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_millis(500);

/// Serves the connection to its end.
pub fn attend(socket: &TcpStream, place: &Place, house: &House) {
    let mut come = Vec::new();
    for _ in 0..MOST_REQUESTS {
        place.silent(true);
        let read = next(socket, &mut come, house);
        place.silent(false);
        let done = match read {
            // It went away, or said nothing for too long: nobody is left to be told.
            Ok(None) | Err(_) => return,
            Ok(Some(Ok(request))) => {
                let _cost = cost::of(cost::Part::Serve);
                let response = table::answer(house, &request, Some(socket));
                // To take an answer is the client's part, too.
                place.silent(true);
                let keep = request.keep_alive && !house.is_stopping();
                send(socket, house, response, request.method, keep).map(|()| keep)
            }
            Ok(Some(Err(refusal))) => {
                let sent = send(socket, house, refusal.into(), Method::Get, false);
                sent.and_then(|()| linger(socket)).map(|()| false)
            }
        };
        if !matches!(done, Ok(true)) {
            return;
        }
    }
}

type Asked = Option<Result<Request, Refusal>>;

/// The next request, out of what has come and what will come.
fn next(mut socket: &TcpStream, come: &mut Vec<u8>, house: &House) -> io::Result<Asked> {
    let limits = &house.limits;
    let mut begun = (!come.is_empty()).then(Instant::now);
    let silent = Instant::now();
    loop {
        if !come.is_empty() {
            match read(come, limits) {
                Ok(Read::Whole(request, length)) => {
                    come.drain(..length);
                    return Ok(Some(Ok(request)));
                }
                Ok(Read::Partial) => {}
                Err(refusal) => return Ok(Some(Err(refusal))),
            }
        }
        let (since, most) = begun.map_or((silent, limits.idle_time), |begun| (begun, limits.head_time));
        let mut chunk = [0; CHUNK];
        let read = match most.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
            Some(left) => {
                socket.set_read_timeout(Some(left))?;
                socket.read(&mut chunk)
            }
            None => Err(ErrorKind::TimedOut.into()),
        };
        match read {
            Ok(0) => return Ok(None),
            Ok(length) => {
                begun = begun.or_else(|| Some(Instant::now()));
                // No more than a whole head is ever wanted, and a read or two of what follows it.
                come.extend_from_slice(&chunk[..length]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let what = format!("the request did not come in within {:?}", limits.head_time);
                return Ok(begun.map(|_| Err(Refusal::new(Status::RequestTimeout, what))));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Sends an answer, if there is room for its bytes.
fn send(socket: &TcpStream, house: &House, mut response: Response, method: Method, keep: bool) -> io::Result<()> {
    let most = house.limits.answer_bytes;
    if response.body.len() > most {
        let what = format!(
            "the answer has {} bytes, and may have {most}: ask for less, with level=1, limit=, label= or state=",
            response.body.len()
        );
        response = Refusal::new(Status::InsufficientStorage, what).into();
    }
    let permit = house.bytes.enter(response.body.len());
    if permit.is_none() {
        let what = "other answers are still being sent: try again";
        response = Refusal::for_now(Status::Unavailable, what, 5).into();
    }
    let end = length::deadline(house.limits.answer_time);
    let mut bytes = response.head(keep);
    if method == Method::Head {
        return write(socket, &bytes, end);
    }
    if response.body.len() <= CHUNK {
        bytes.extend_from_slice(&response.body);
        return write(socket, &bytes, end);
    }
    write(socket, &bytes, end)?;
    write(socket, &response.body, end)
}

fn write(mut socket: &TcpStream, mut bytes: &[u8], end: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_write_timeout(Some(left))?;
        match socket.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Throws away what still comes, for a moment.
fn linger(mut socket: &TcpStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    let end = Instant::now() + LINGER;
    let mut chunk = [0; CHUNK];
    let mut thrown = 0;
    while thrown < LINGER_BYTES {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(&mut chunk)? {
            0 => break,
            length => thrown += length,
        }
    }
    Ok(())
}
