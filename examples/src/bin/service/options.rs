//! The flags. What makes no sense ends the process with exit code 2 and a line that says so (clap does that), before there
//! is a runtime. A duration has a unit, because nobody remembers whether a bare number was seconds.

use gumption::time::Duration;
use std::net::SocketAddr;

/// A small HTTP service on Gumption that stops without dropping a request.
#[derive(Debug, clap::Parser)]
#[command(name = "service")]
pub struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// How long the requests under way may take after SIGTERM or ctrl-c
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub drain: Duration,

    /// How long a client may take to send a request's head
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub head: Duration,

    /// How many Ps; by default one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub processors: Option<u16>,
}

/// `250ms`, `10s`, `2min`; up to a day.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "right would be 250ms, 10s or 2min, and at most 1440min".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return Err(wrong()),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale)).ok_or_else(wrong)?;
    if millis > 24 * 60 * 60 * 1000 { Err(wrong()) } else { Ok(Duration::from_millis(millis)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        for (text, millis) in [("250ms", 250), ("0s", 0), ("10s", 10_000), ("1440min", 86_400_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "s", "10", "10 s", "-1s", "1.5s", "10h", "1441min", "99999999999999999999s", "9999999999999999999min"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
