//! [`Profile::encode`]: a profile as the bytes that `go tool pprof` reads.
//!
//! pprof's `profile.proto` is one protobuf message of twelve fields, so its writer is forty lines and no dependency: a number is a
//! *varint*, seven bits a byte, the lowest first; a field is its number and wire type, then the number or a length and that many
//! bytes. What makes it worth a file is the sharing that the format asks for: every string is there once and named by its place in
//! a table whose first entry is the empty one; every function and every place in the code is there once, with ids from 1.
//!
//! ```text
//!   sample --> location 1..n --> line 1..n --> function --> name, file (strings)
//!          --> labels            (innermost first: what is inlined)
//! ```
//!
//! The names are known here and not at the reader, so the one mapping, this program, says that functions, files, lines and inlined
//! frames are all there; without those flags pprof would go looking for symbols.
//!
//! [`Profile::gzip`] is what is served and written to files: pprof expects it so. The way back is [`decode`](super::decode).

use std::collections::HashMap;
use std::hash::Hash;
use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::model::{Call, Label, Line, Profile, Value, ValueKind};

/// The numbers of the fields that are written and read.
pub(super) mod field {
    pub(in super::super) const SAMPLE_TYPE: u32 = 1;
    pub(in super::super) const SAMPLE: u32 = 2;
    pub(in super::super) const MAPPING: u32 = 3;
    pub(in super::super) const LOCATION: u32 = 4;
    pub(in super::super) const FUNCTION: u32 = 5;
    pub(in super::super) const STRING: u32 = 6;
    pub(in super::super) const TIME: u32 = 9;
    pub(in super::super) const DURATION: u32 = 10;
    pub(in super::super) const PERIOD_TYPE: u32 = 11;
    pub(in super::super) const PERIOD: u32 = 12;
    pub(in super::super) const COMMENT: u32 = 13;
    pub(in super::super) const DEFAULT_SAMPLE_TYPE: u32 = 14;
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number; 0 is what a reader takes a missing one for.
    fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
    }

    /// A signed number: two's complement, so a negative one takes ten bytes.
    fn signed(&mut self, field: u32, value: i64) {
        self.number(field, value.cast_unsigned());
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn packed(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        let mut inner = Self::default();
        values.for_each(|value| inner.varint(value));
        self.bytes(field, &inner.0);
    }

    fn message(&mut self, field: u32, inner: &Self) {
        self.bytes(field, &inner.0);
    }
}

/// Things that are there once, by numbers from 0.
struct Interned<T>(HashMap<T, u64>);

impl<T: Eq + Hash> Interned<T> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// The number of `value`, and whether it is new.
    fn number(&mut self, value: T) -> (u64, bool) {
        let next = self.0.len() as u64;
        let mut new = false;
        let number = *self.0.entry(value).or_insert_with(|| {
            new = true;
            next
        });
        (number, new)
    }
}

/// A profile that is being written. Messages are collected by field: pprof does not mind their order, and strings come last.
struct Writer<'a> {
    out: Message,
    strings: Interned<&'a str>,
    string_table: Message,
    functions: Interned<(u64, u64)>,
    locations: Interned<&'a Call>,
}

impl<'a> Writer<'a> {
    fn new() -> Self {
        let mut writer = Self {
            out: Message::default(),
            strings: Interned::new(),
            string_table: Message::default(),
            functions: Interned::new(),
            locations: Interned::new(),
        };
        writer.string("");
        writer
    }

    fn string(&mut self, text: &'a str) -> u64 {
        let (number, new) = self.strings.number(text);
        if new {
            self.string_table.bytes(field::STRING, text.as_bytes());
        }
        number
    }

    fn kind(&mut self, kind: &'a ValueKind) -> Message {
        let mut message = Message::default();
        message.number(1, self.string(&kind.name));
        message.number(2, self.string(&kind.unit));
        message
    }

    fn function(&mut self, line: &'a Line) -> u64 {
        let (name, file) = (self.string(&line.function), self.string(&line.file));
        let (number, new) = self.functions.number((name, file));
        let id = number + 1;
        if new {
            let mut message = Message::default();
            message.number(1, id);
            message.number(2, name);
            // No system name (3): a reader that finds the same there takes the name for a mangled one, and cuts `<..>` out of it.
            message.number(4, file);
            self.out.message(field::FUNCTION, &message);
        }
        id
    }

    fn location(&mut self, call: &'a Call) -> u64 {
        let (number, new) = self.locations.number(call);
        let id = number + 1;
        if new {
            let mut message = Message::default();
            message.number(1, id);
            message.number(2, 1);
            message.number(3, call.address);
            for line in &call.lines {
                let mut inner = Message::default();
                inner.number(1, self.function(line));
                inner.number(2, u64::from(line.line));
                message.message(4, &inner);
            }
            self.out.message(field::LOCATION, &message);
        }
        id
    }

    fn label(&mut self, label: &'a Label) -> Message {
        let mut message = Message::default();
        message.number(1, self.string(&label.key));
        match &label.value {
            Value::Text(text) => message.number(2, self.string(text)),
            Value::Number(number, unit) => {
                message.signed(3, *number);
                message.number(4, self.string(unit));
            }
        }
        message
    }

    fn mapping(&mut self, program: &'a Program) {
        let mut message = Message::default();
        message.number(1, 1);
        message.number(2, program.start);
        message.number(3, program.limit);
        message.number(4, program.offset);
        message.number(5, self.string(&program.file));
        // Functions, files, lines and inlined frames are known.
        (7..=10).for_each(|flag| message.number(flag, 1));
        self.out.message(field::MAPPING, &message);
    }

    fn write(&mut self, profile: &'a Profile) {
        for kind in &profile.kinds {
            let message = self.kind(kind);
            self.out.message(field::SAMPLE_TYPE, &message);
        }
        self.mapping(&PROGRAM);
        for sample in &profile.samples {
            let mut message = Message::default();
            let stack: Vec<u64> = sample.stack.iter().map(|call| self.location(call)).collect();
            message.packed(1, stack.into_iter());
            message.packed(2, sample.values.iter().map(|value| value.cast_unsigned()));
            for label in &sample.labels {
                let label = self.label(label);
                message.message(3, &label);
            }
            self.out.message(field::SAMPLE, &message);
        }
        self.out.signed(field::TIME, profile.time_ns);
        self.out.signed(field::DURATION, profile.duration_ns);
        if let Some((kind, period)) = &profile.period {
            let kind = self.kind(kind);
            self.out.message(field::PERIOD_TYPE, &kind);
            self.out.signed(field::PERIOD, *period);
        }
        let comments: Vec<u64> = profile.comments.iter().map(|comment| self.string(comment)).collect();
        if !comments.is_empty() {
            self.out.packed(field::COMMENT, comments.into_iter());
        }
        if let Some(kind) = profile.kinds.get(profile.default_kind) {
            let name = self.string(&kind.name);
            self.out.number(field::DEFAULT_SAMPLE_TYPE, name);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.0.append(&mut self.string_table.0);
        self.out.0
    }
}

/// Where this program's code is.
struct Program {
    file: String,
    start: u64,
    limit: u64,
    offset: u64,
}

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    let file = std::env::current_exe().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let code = std::fs::read_to_string("/proc/self/maps").ok().and_then(|maps| code_of(&maps, &file));
    let (start, limit, offset) = code.unwrap_or((0, u64::MAX, 0));
    Program { file, start, limit, offset }
});

/// From, to and at which offset the code of `file` is mapped, in the kernel's list.
fn code_of(maps: &str, file: &str) -> Option<(u64, u64, u64)> {
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (rights, rest) = rest.split_once(' ')?;
        let (offset, rest) = rest.split_once(' ')?;
        let is_it = rights.contains('x') && rest.ends_with(file) && !file.is_empty();
        let (start, limit) = range.split_once('-').filter(|_| is_it)?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some((number(start)?, number(limit)?, number(offset)?))
    })
}

impl Profile {
    /// The profile as a `profile.proto` message.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.write(self);
        writer.finish()
    }

    /// The same, compressed: what a file ending in `.pb.gz` holds, and what is served.
    pub fn gzip(&self) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        // Neither can fail: a vector takes what it is given.
        let written = gz.write_all(&self.encode()).and_then(|()| gz.finish());
        written.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_varints() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01], "the example of protobuf's own documentation");
        let mut message = Message::default();
        message.number(1, 0);
        assert!(message.0.is_empty(), "a zero is left out");
        let mut message = Message::default();
        message.signed(1, -1);
        assert_eq!(message.0.len(), 11, "a negative number has ten bytes");
        assert_eq!(message.0.last(), Some(&1));
    }

    #[test]
    fn strings_functions_and_places_are_there_once() {
        let line = Line { function: "app::f".into(), file: "src/a.rs".into(), line: 7 };
        let call = Call { address: 0x10, lines: vec![line.clone()] };
        let other = Call { address: 0x20, lines: vec![Line { line: 8, ..line }] };
        let mut writer = Writer::new();
        assert_eq!((writer.location(&call), writer.location(&other), writer.location(&call)), (1, 2, 1));
        assert_eq!(writer.functions.0.len(), 1, "one function, at two lines");
        assert_eq!(writer.strings.0.len(), 3, "the empty string, the function, the file");
        assert_eq!(writer.string(""), 0, "the table's first entry is the empty string");
    }

    #[test]
    fn the_code_of_a_program_is_found_in_the_list_of_mappings() {
        let maps = "55d0c000-55d0d000 r--p 00000000 08:01 12  /bin/app\n\
                    55d0d000-55d0f000 r-xp 00001000 08:01 12  /bin/app\n\
                    7f000000-7f001000 r-xp 00000000 08:01 13  /lib/libc.so.6\n";
        assert_eq!(code_of(maps, "/bin/app"), Some((0x55d0_d000, 0x55d0_f000, 0x1000)));
        assert_eq!(code_of(maps, "/bin/other"), None);
        assert_eq!(code_of(maps, ""), None);
    }
}
