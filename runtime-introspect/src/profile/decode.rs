//! [`Profile::decode`]: a profile back from its bytes.
//!
//! For programs that compare profiles which they fetched, and for the tests, to say that nothing is lost. It reads what
//! [`encode`](super::model::Profile::encode) writes and any other `profile.proto`, compressed or not, and drops what the model
//! does not have (mappings, addresses' origins, kept and dropped frames).
//!
//! The bytes are a stranger's. No length is believed before the bytes are there, every number that names something is looked up and
//! may be missing, and what a small file may unpack to has a limit; a profile that is not one is an error that says what
//! was wrong.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::model::{Call, Label, Line, Profile, Sample, Value, ValueKind};
use super::proto::field;

/// *Bytes* that a profile may be at most, uncompressed.
const MOST_BYTES: u64 = 64 << 20;
/// *Frames* that its stacks may have at most, together: in a file each is a byte or two, in memory a hundred.
const MOST_FRAMES: usize = 1 << 23;

/// Why bytes are no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a pprof profile: {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

fn error<T>(what: impl Into<String>) -> Result<T, DecodeError> {
    Err(DecodeError(what.into()))
}

/// A field's value.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn number(self) -> Result<u64, DecodeError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => error("bytes where a number belongs"),
        }
    }

    fn signed(self) -> Result<i64, DecodeError> {
        self.number().map(u64::cast_signed)
    }

    fn bytes(self) -> Result<&'a [u8], DecodeError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => error("a number where bytes belong"),
        }
    }

    /// Numbers, packed or one by one.
    fn numbers(self, into: &mut Vec<u64>) -> Result<(), DecodeError> {
        match self {
            Self::Number(number) => into.push(number),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    into.push(varint(&mut bytes)?);
                }
            }
        }
        Ok(())
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else { return error("it ends in a number") };
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    error("a number has more than ten bytes")
}

fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Result<&'a [u8], DecodeError> {
    let split = usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len));
    let Some((taken, rest)) = split else { return error("it ends in a field") };
    *bytes = rest;
    Ok(taken)
}

/// Calls `f` with each field of a message.
fn fields<'a>(
    mut message: &'a [u8],
    mut f: impl FnMut(u32, Wire<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let number = u32::try_from(tag >> 3).map_err(|_| DecodeError("a field's number is too large".into()))?;
        let wire = match tag & 7 {
            0 => Wire::Number(varint(&mut message)?),
            1 => Wire::Bytes(take(&mut message, 8)?),
            2 => {
                let len = varint(&mut message)?;
                Wire::Bytes(take(&mut message, len)?)
            }
            5 => Wire::Bytes(take(&mut message, 4)?),
            other => return error(format!("wire type {other}")),
        };
        f(number, wire)?;
    }
    Ok(())
}

#[derive(Default)]
struct RawLabel {
    key: u64,
    text: u64,
    number: i64,
    unit: u64,
}

#[derive(Default)]
struct RawSample {
    stack: Vec<u64>,
    values: Vec<u64>,
    labels: Vec<RawLabel>,
}

#[derive(Default)]
struct RawLocation {
    address: u64,
    /// Functions' ids, and lines.
    lines: Vec<(u64, i64)>,
}

/// The message as it is, its strings by number.
#[derive(Default)]
struct Raw {
    kinds: Vec<(u64, u64)>,
    samples: Vec<RawSample>,
    locations: HashMap<u64, RawLocation>,
    functions: HashMap<u64, (u64, u64)>,
    strings: Vec<Arc<str>>,
    time_ns: i64,
    duration_ns: i64,
    period: Option<(u64, u64)>,
    period_value: i64,
    comments: Vec<u64>,
    default_kind: u64,
}

fn kind(bytes: &[u8]) -> Result<(u64, u64), DecodeError> {
    let mut kind = (0, 0);
    fields(bytes, |number, wire| {
        match number {
            1 => kind.0 = wire.number()?,
            2 => kind.1 = wire.number()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(kind)
}

fn sample(bytes: &[u8]) -> Result<RawSample, DecodeError> {
    let mut sample = RawSample::default();
    fields(bytes, |number, wire| match number {
        1 => wire.numbers(&mut sample.stack),
        2 => wire.numbers(&mut sample.values),
        3 => {
            let mut label = RawLabel::default();
            fields(wire.bytes()?, |number, wire| {
                match number {
                    1 => label.key = wire.number()?,
                    2 => label.text = wire.number()?,
                    3 => label.number = wire.signed()?,
                    4 => label.unit = wire.number()?,
                    _ => {}
                }
                Ok(())
            })?;
            sample.labels.push(label);
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(sample)
}

fn location(bytes: &[u8]) -> Result<(u64, RawLocation), DecodeError> {
    let (mut id, mut location) = (0, RawLocation::default());
    fields(bytes, |number, wire| {
        match number {
            1 => id = wire.number()?,
            3 => location.address = wire.number()?,
            4 => {
                let mut line = (0, 0);
                fields(wire.bytes()?, |number, wire| {
                    match number {
                        1 => line.0 = wire.number()?,
                        2 => line.1 = wire.signed()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                location.lines.push(line);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((id, location))
}

fn function(bytes: &[u8]) -> Result<(u64, (u64, u64)), DecodeError> {
    let (mut id, mut function) = (0, (0, 0));
    fields(bytes, |number, wire| {
        match number {
            1 => id = wire.number()?,
            2 => function.0 = wire.number()?,
            4 => function.1 = wire.number()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((id, function))
}

impl Raw {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut raw = Self::default();
        fields(bytes, |number, wire| {
            match number {
                field::SAMPLE_TYPE => raw.kinds.push(kind(wire.bytes()?)?),
                field::SAMPLE => raw.samples.push(sample(wire.bytes()?)?),
                field::LOCATION => raw.locations.extend([location(wire.bytes()?)?]),
                field::FUNCTION => raw.functions.extend([function(wire.bytes()?)?]),
                field::STRING => raw.strings.push(String::from_utf8_lossy(wire.bytes()?).into()),
                field::TIME => raw.time_ns = wire.signed()?,
                field::DURATION => raw.duration_ns = wire.signed()?,
                field::PERIOD_TYPE => raw.period = Some(kind(wire.bytes()?)?),
                field::PERIOD => raw.period_value = wire.signed()?,
                field::COMMENT => wire.numbers(&mut raw.comments)?,
                field::DEFAULT_SAMPLE_TYPE => raw.default_kind = wire.number()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(raw)
    }

    fn string(&self, number: u64) -> Result<Arc<str>, DecodeError> {
        let found = usize::try_from(number).ok().and_then(|number| self.strings.get(number)).cloned();
        found.map_or_else(|| error(format!("there is no string {number}")), Ok)
    }

    fn owned(&self, number: u64) -> Result<Cow<'static, str>, DecodeError> {
        Ok(Cow::Owned(self.string(number)?.to_string()))
    }

    fn kind(&self, (name, unit): (u64, u64)) -> Result<ValueKind, DecodeError> {
        Ok(ValueKind { name: self.owned(name)?, unit: self.owned(unit)? })
    }

    fn call(&self, id: u64) -> Result<Call, DecodeError> {
        let Some(location) = self.locations.get(&id) else { return error(format!("there is no location {id}")) };
        let mut lines = Vec::with_capacity(location.lines.len());
        for &(function, line) in &location.lines {
            let Some(&(name, file)) = self.functions.get(&function) else {
                return error(format!("there is no function {function}"));
            };
            let line = u32::try_from(line).unwrap_or(0);
            lines.push(Line { function: self.string(name)?, file: self.string(file)?, line });
        }
        Ok(Call { address: location.address, lines })
    }

    fn label(&self, raw: &RawLabel) -> Result<Label, DecodeError> {
        let value = match raw.text {
            0 => Value::Number(raw.number, self.owned(raw.unit)?),
            text => Value::Text(self.string(text)?),
        };
        Ok(Label { key: self.owned(raw.key)?, value })
    }

    fn profile(&self) -> Result<Profile, DecodeError> {
        if self.kinds.is_empty() || self.strings.is_empty() {
            return error("it has no kinds of values or no strings");
        }
        let kinds: Vec<_> = self.kinds.iter().map(|&kind| self.kind(kind)).collect::<Result<_, _>>()?;
        let calls: HashMap<u64, Call> =
            self.locations.keys().map(|&id| Ok((id, self.call(id)?))).collect::<Result<_, _>>()?;
        let frames: usize = self.samples.iter().map(|sample| sample.stack.len()).sum();
        if frames > MOST_FRAMES {
            return error(format!("its stacks have {frames} frames, more than {MOST_FRAMES}"));
        }
        let mut samples = Vec::with_capacity(self.samples.len());
        for raw in &self.samples {
            if raw.values.len() != kinds.len() {
                return error(format!("a sample has {} values of {}", raw.values.len(), kinds.len()));
            }
            let stack = raw
                .stack
                .iter()
                .map(|id| calls.get(id).cloned().map_or_else(|| error(format!("there is no location {id}")), Ok));
            samples.push(Sample {
                stack: stack.collect::<Result<_, _>>()?,
                values: raw.values.iter().map(|value| value.cast_signed()).collect(),
                labels: raw.labels.iter().map(|label| self.label(label)).collect::<Result<_, _>>()?,
            });
        }
        let default = self.string(self.default_kind)?;
        Ok(Profile {
            default_kind: kinds.iter().position(|kind| *kind.name == *default).unwrap_or(kinds.len() - 1),
            kinds,
            samples,
            period: self.period.map(|kind| Ok((self.kind(kind)?, self.period_value))).transpose()?,
            time_ns: self.time_ns,
            duration_ns: self.duration_ns,
            comments: self
                .comments
                .iter()
                .map(|&comment| Ok(self.string(comment)?.to_string()))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Profile {
    /// The profile of a `profile.proto` message, compressed or not.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut unpacked = Vec::new();
        let is_packed = bytes.starts_with(&[0x1f, 0x8b]);
        if is_packed {
            let read = GzDecoder::new(bytes).take(MOST_BYTES + 1).read_to_end(&mut unpacked);
            if let Err(why) = read {
                return error(format!("gzip: {why}"));
            }
        }
        let whole = if is_packed { &unpacked } else { bytes };
        if whole.len() as u64 > MOST_BYTES {
            return error(format!("it has more than {} MiB", MOST_BYTES >> 20));
        }
        Raw::read(whole)?.profile()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let mut profile = Profile::new([ValueKind::new("waits", "count"), ValueKind::new("delay", "nanoseconds")]);
        profile.period = Some((ValueKind::new("waits", "count"), 10));
        profile.duration_ns = 5;
        profile.comments = vec!["one".into(), "two".into()];
        let line = |function: &str, line| Line { function: function.into(), file: "src/a.rs".into(), line };
        let inlined = Call { address: 0x1234_5678, lines: vec![line("app::inner", 3), line("app::outer", 9)] };
        for (i, reason) in ["chan receive", "sync.Mutex.Lock", ""].into_iter().enumerate() {
            profile.push(Sample {
                stack: vec![inlined.clone(), Call::named("[spawned]")],
                values: vec![1, -(i as i64)],
                labels: vec![Label::number("age", -7, "nanoseconds"), Label::number("task", i as i64, "")]
                    .into_iter()
                    .chain((!reason.is_empty()).then(|| Label::text("reason", reason)))
                    .collect(),
            });
        }
        profile
    }

    #[test]
    fn what_is_written_is_read() {
        let profile = profile();
        assert_eq!(Profile::decode(&profile.encode()).as_ref(), Ok(&profile));
        assert_eq!(Profile::decode(&profile.gzip()).as_ref(), Ok(&profile));
    }

    #[test]
    fn no_bytes_are_too_bad_for_an_error() {
        let whole = profile().encode();
        let mut refused = 0;
        for len in 0..whole.len() {
            refused += usize::from(Profile::decode(&whole[..len]).is_err());
        }
        assert!(refused > 0, "half a profile is none");
        let mut random = 1u64;
        for round in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..=round % 4 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (random >> 33) as usize % bytes.len();
                bytes[at] = (random >> 20) as u8;
            }
            // It may still be a profile, only no longer this one.
            let _ = Profile::decode(&bytes);
        }
        let huge = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        let error = Profile::decode(&huge).unwrap_err();
        assert_eq!(error.to_string(), "not a pprof profile: it ends in a field");
        // A frame is a byte in the file: a kind, an empty string, and one sample with so many of them.
        let mut wide = vec![0x0a, 0, 0x32, 0];
        let stack = MOST_FRAMES + 1;
        let mut field = |tag: u8, mut length: usize| {
            wide.push(tag);
            while length >= 0x80 {
                wide.push(length as u8 | 0x80);
                length >>= 7;
            }
            wide.push(length as u8);
        };
        field(0x12, stack + 5);
        field(0x0a, stack);
        wide.resize(wide.len() + stack, 1);
        let error = Profile::decode(&wide).unwrap_err();
        assert!(error.to_string().contains("frames"), "{error}");
    }
}
