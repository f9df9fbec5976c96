//! What the environment asks to look at a process' runtimes: read when the first of them is built, so that a program need not be
//! changed to be looked at.
//!
//! | variable | asks for |
//! | --- | --- |
//! | `GUMPTION_DEBUG=127.0.0.1:6060` | the [debug server](crate::serve()) there; `6060` and `:6060` are ports on loopback |
//! | `GUMPTION_DEBUG_TOKEN=..` | that every request to it brings this token; needed for addresses that are not loopback |
//! | `GUMPTION_DEBUG_RING=5s` | a [ring](crate::ring) of snapshots, one so often, shown by it |
//! | `GUMPTION_SIGQUIT=continue` | that SIGQUIT prints a [dump](crate::sigquit), and the program goes on; `abort`: and it aborts |
//! | `GUMPTION_BLOCK_RATE=1000` | the [block profile](crate::profile::block), of one wait in so many |
//! | `GUMPTION_MUTEX_FRACTION=1000` | the [mutex profile](crate::profile::mutex), of one contended release in so many |
//!
//! Whatever cannot be had is an error of the build, and says what would be right: a debug server that is silently missing is
//! missed when it is needed. The server, the ring and the handler then stay for as long as the process does, and show the
//! runtimes that come later, too.

use std::env::{self, VarError};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gumption_core::runtime::Handle;

use crate::length;
use crate::profile;
use crate::ring::{Ring, Settings};
use crate::serve::Serving;
use crate::sigquit;

/// Whether the environment has been read, and has been given what it asks for.
static DONE: Mutex<bool> = Mutex::new(false);

/// A runtime has been built.
///
/// # Errors
///
/// What the environment asks for cannot be had, and why.
pub fn attend(_handle: &Handle) -> io::Result<()> {
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !*done {
        let wishes = Wishes::read(|name| match env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(error) => Err(wrong(format!("{name}: {error}"))),
        })?;
        wishes.grant()?;
        *done = true;
    }
    Ok(())
}

/// What the environment asks for.
#[derive(Debug, Default)]
struct Wishes {
    serve: Option<SocketAddr>,
    token: Option<String>,
    ring: Option<Duration>,
    sigquit: Option<sigquit::Request>,
    block_rate: Option<u64>,
    mutex_fraction: Option<u64>,
}

impl Wishes {
    fn read(variable: impl Fn(&str) -> io::Result<Option<String>>) -> io::Result<Self> {
        // A variable that is set to nothing asks for nothing.
        let value = |name| variable(name).map(|value| value.filter(|value| !value.trim().is_empty()));
        let wishes = Self {
            serve: value("GUMPTION_DEBUG")?.map(|text| address(&text)).transpose()?,
            token: value("GUMPTION_DEBUG_TOKEN")?,
            ring: value("GUMPTION_DEBUG_RING")?.map(|text| period(&text)).transpose()?,
            sigquit: match value("GUMPTION_SIGQUIT")? {
                Some(text) => sigquit::Request::parse(&text).map_err(wrong)?,
                None => None,
            },
            block_rate: value("GUMPTION_BLOCK_RATE")?.map(|text| rate("GUMPTION_BLOCK_RATE", &text)).transpose()?,
            mutex_fraction: value("GUMPTION_MUTEX_FRACTION")?
                .map(|text| rate("GUMPTION_MUTEX_FRACTION", &text))
                .transpose()?,
        };
        // A token alone is no mistake: the command that asks other processes reads it, too.
        if wishes.serve.is_none() && wishes.ring.is_some() {
            let what = "GUMPTION_DEBUG_RING is set, and GUMPTION_DEBUG is not; right would be GUMPTION_DEBUG=127.0.0.1:6060, too";
            return Err(wrong(what.to_owned()));
        }
        Ok(wishes)
    }

    fn grant(self) -> io::Result<()> {
        self.block_rate.map(profile::set_block_rate);
        self.mutex_fraction.map(profile::set_mutex_fraction);
        if let Some(request) = self.sigquit {
            sigquit::install(request)?;
        }
        let Some(address) = self.serve else { return Ok(()) };
        let mut serving = Serving::new();
        if let Some(token) = self.token {
            serving = serving.token(token);
        }
        if let Some(period) = self.ring {
            let settings = Settings { period: Some(period), ..Settings::default() };
            serving = serving.ring(Arc::new(Ring::start(settings)?));
        }
        let served = serving.bind(address);
        served.map_err(|error| io::Error::new(error.kind(), format!("GUMPTION_DEBUG: {error}")))?.forever();
        Ok(())
    }
}

fn address(text: &str) -> io::Result<SocketAddr> {
    let text = text.trim();
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    let named = || text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    match (text.parse(), port.ok().or_else(named)) {
        (Ok(address), _) => Ok(address),
        (Err(_), Some(port)) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        (Err(_), None) => Err(wrong(format!(
            "GUMPTION_DEBUG: {text:?} is no address; right would be 127.0.0.1:6060, [::1]:6060 or 6060"
        ))),
    }
}

fn period(text: &str) -> io::Result<Duration> {
    let refused = || wrong(format!("GUMPTION_DEBUG_RING: {text:?} is no period; right would be 500ms, 5s or 1m"));
    length::parse(text.trim()).filter(|period| *period >= Duration::from_millis(10)).ok_or_else(refused)
}

fn rate(name: &str, text: &str) -> io::Result<u64> {
    let refused = |_| wrong(format!("{name}: {text:?} is no rate; right would be 1000 for one in a thousand, 1 or 0"));
    text.trim().parse().map_err(refused)
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(set: &[(&str, &str)]) -> Result<Wishes, String> {
        let find = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Wishes::read(|name| Ok(find(name))).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_asks_for_nothing() {
        for set in [&[][..], &[("GUMPTION_DEBUG", ""), ("GUMPTION_SIGQUIT", " ")], &[("GUMPTION_SIGQUIT", "off")]] {
            let wishes = wishes(set).unwrap();
            assert!(wishes.serve.is_none() && wishes.sigquit.is_none() && wishes.ring.is_none(), "{set:?}");
        }
    }

    #[test]
    fn a_port_alone_is_loopback() {
        for text in ["6060", ":6060", "localhost:6060", "127.0.0.1:6060", " 6060 "] {
            let asked = wishes(&[("GUMPTION_DEBUG", text)]).unwrap();
            assert_eq!(asked.serve, Some(SocketAddr::from(([127, 0, 0, 1], 6060))), "{text:?}");
        }
        assert_eq!(wishes(&[("GUMPTION_DEBUG", "[::1]:1")]).unwrap().serve, "[::1]:1".parse().ok());
        let ring = wishes(&[("GUMPTION_DEBUG", "1"), ("GUMPTION_DEBUG_RING", "250ms")]).unwrap().ring;
        assert_eq!(ring, Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_rate_is_a_number() {
        let asked = wishes(&[("GUMPTION_BLOCK_RATE", " 1000 "), ("GUMPTION_MUTEX_FRACTION", "0")]).unwrap();
        assert_eq!((asked.block_rate, asked.mutex_fraction), (Some(1000), Some(0)));
        assert_eq!(wishes(&[]).unwrap().block_rate, None);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (set, right) in [
            (&[("GUMPTION_DEBUG", "yes")][..], "127.0.0.1:6060"),
            (&[("GUMPTION_DEBUG", "127.0.0.1")], "127.0.0.1:6060"),
            (&[("GUMPTION_DEBUG", "65536")], "127.0.0.1:6060"),
            (&[("GUMPTION_DEBUG", "example.org:6060")], "127.0.0.1:6060"),
            (&[("GUMPTION_DEBUG_RING", "5s")], "GUMPTION_DEBUG=127.0.0.1:6060"),
            (&[("GUMPTION_DEBUG", "1"), ("GUMPTION_DEBUG_RING", "often")], "5s"),
            (&[("GUMPTION_DEBUG", "1"), ("GUMPTION_DEBUG_RING", "0")], "5s"),
            (&[("GUMPTION_SIGQUIT", "die")], "continue"),
            (&[("GUMPTION_BLOCK_RATE", "on")], "1000"),
            (&[("GUMPTION_MUTEX_FRACTION", "-1")], "1000"),
        ] {
            let said = wishes(set).expect_err("it is wrong");
            assert!(said.contains(right) && said.starts_with("GUMPTION_"), "{set:?}: {said}");
        }
    }
}
