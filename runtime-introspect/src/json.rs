//! What serde describes, written as JSON.
//!
//! Why not serde_json, which does this better? Because every program that depends on Gumption would link it, and its `Value` can be
//! compared with every number: `impl PartialEq<Value> for u8`, and so on. To whoever wrote `assert_eq!(buffer, [])` the compiler then
//! says that the type of the empty list cannot be known. tokio's own tests are written like that, and did not compile when a program
//! got Gumption for tokio; a runtime that is to take tokio's place by one line in a manifest must not do that to anybody. So
//! serde_json reads (behind the feature `read-dumps`, for programs that look at others' dumps), and tests compare with it, and this
//! file writes.
//!
//! The shape is serde_json's, byte for byte but for the exponents of floats: no blanks, a struct is an object, a variant its name or an
//! object of one field, a float that is no number is `null`, a key that is a number or a truth stands in quotes. What it
//! cannot say, a key that is a list or an object, is an error.
//!
//! Called by what writes a [`Dump`](crate::dump::Dump) and by the debug server.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

/// `value` as JSON, on one line.
pub(crate) fn to_string(value: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    let mut writer = Writer(String::new());
    value.serialize(&mut writer)?;
    Ok(writer.0)
}

/// Why a value has no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

/// What is written so far.
struct Writer(String);

impl Writer {
    fn show(&mut self, value: impl fmt::Display) -> Result<(), Error> {
        write!(self.0, "{value}").map_err(ser::Error::custom)
    }

    fn text(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                '\0'..='\u{1f}' => {
                    let digit = |n: u32| char::from_digit(n, 16).unwrap_or('0');
                    self.0.push_str("\\u00");
                    self.0.push(digit(c as u32 >> 4));
                    self.0.push(digit(c as u32 & 0xf));
                }
                _ => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    /// Begins a list or an object, after the name of its variant if it has one.
    fn open(&mut self, variant: Option<&str>, bracket: Bracket) -> Part<'_> {
        if let Some(variant) = variant {
            self.0.push('{');
            self.text(variant);
            self.0.push(':');
        }
        self.0.push(if bracket == Bracket::List { '[' } else { '{' });
        Part { writer: self, bracket, named: variant.is_some(), is_first: true }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    List,
    Object,
}

/// A list or an object that has been begun.
struct Part<'a> {
    writer: &'a mut Writer,
    bracket: Bracket,
    /// It is the content of a variant, which is an object of one field.
    named: bool,
    is_first: bool,
}

impl Part<'_> {
    fn next(&mut self) -> &mut Writer {
        if !std::mem::take(&mut self.is_first) {
            self.writer.0.push(',');
        }
        self.writer
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        value.serialize(self.next())
    }

    fn key(&mut self, key: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        let writer = self.next();
        let begin = writer.0.len();
        key.serialize(&mut *writer)?;
        match writer.0.as_bytes().get(begin) {
            Some(b'"') => Ok(()),
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                writer.0.insert(begin, '"');
                writer.0.push('"');
                Ok(())
            }
            _ => Err(Error("a key that is neither text nor a number nor a truth".to_owned())),
        }
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.writer.0.push(':');
        value.serialize(&mut *self.writer)
    }

    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.next().text(name);
        self.value(value)
    }

    fn close(self) {
        self.writer.0.push(if self.bracket == Bracket::List { ']' } else { '}' });
        if self.named {
            self.writer.0.push('}');
        }
    }
}

/// Numbers and truths are written as Rust shows them.
macro_rules! shown {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.show(value)
        })*
    };
}

/// Floats as Rust's `Debug` has them, which reads back as the same; JSON has none that is no number.
macro_rules! float {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            if value.is_finite() { self.show(format_args!("{value:?}")) } else { self.serialize_unit() }
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Part<'a>;
    type SerializeTuple = Part<'a>;
    type SerializeTupleStruct = Part<'a>;
    type SerializeTupleVariant = Part<'a>;
    type SerializeMap = Part<'a>;
    type SerializeStruct = Part<'a>;
    type SerializeStructVariant = Part<'a>;

    shown! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    float! { serialize_f32: f32, serialize_f64: f64 }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut object = self.open(None, Bracket::Object);
        object.field(variant, value)?;
        object.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Part<'a>, Error> {
        Ok(self.open(None, Bracket::List))
    }

    fn serialize_tuple(self, _: usize) -> Result<Part<'a>, Error> {
        Ok(self.open(None, Bracket::List))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Part<'a>, Error> {
        Ok(self.open(None, Bracket::List))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Part<'a>, Error> {
        Ok(self.open(Some(variant), Bracket::List))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Part<'a>, Error> {
        Ok(self.open(None, Bracket::Object))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Part<'a>, Error> {
        Ok(self.open(None, Bracket::Object))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Part<'a>, Error> {
        Ok(self.open(Some(variant), Bracket::Object))
    }
}

/// serde's seven shapes are two.
macro_rules! part {
    ($($shape:ident: $method:ident($($name:ident: $type:ty)?) -> $how:ident);* $(;)?) => {
        $(impl ser::$shape for Part<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), Error> {
                self.$how($($name,)? value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })*
    };
}

part! {
    SerializeSeq: serialize_element() -> element;
    SerializeTuple: serialize_element() -> element;
    SerializeTupleStruct: serialize_field() -> element;
    SerializeTupleVariant: serialize_field() -> element;
    SerializeStruct: serialize_field(name: &'static str) -> field;
    SerializeStructVariant: serialize_field(name: &'static str) -> field;
}

impl ser::SerializeMap for Part<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        Newtype(i64),
        Tuple(u8, String),
        Struct { wide: u128, letter: char, nothing: () },
        Deep(Vec<Shape>),
        Keyed(BTreeMap<String, Shape>),
        Numbered(BTreeMap<i32, Option<bool>>),
        Truths(BTreeMap<bool, Marker>),
        Pair((f64, f32)),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Marker;

    fn shape() -> impl Strategy<Value = Shape> {
        let text = prop_oneof![any::<String>(), "[\u{0}-\u{20}\"\\\\\u{7f}]{0,8}"];
        let leaf = prop_oneof![
            Just(Shape::Unit),
            any::<i64>().prop_map(Shape::Newtype),
            (any::<u8>(), text.clone()).prop_map(|(n, text)| Shape::Tuple(n, text)),
            // What serde_json reads back: it has 128 bits only if asked for them.
            (any::<u64>(), any::<char>()).prop_map(|(n, letter)| Shape::Struct { wide: n.into(), letter, nothing: () }),
            prop::collection::btree_map(any::<i32>(), any::<Option<bool>>(), 0..3).prop_map(Shape::Numbered),
            prop::collection::btree_map(any::<bool>(), Just(Marker), 0..3).prop_map(Shape::Truths),
            (prop::num::f64::NORMAL | prop::num::f64::ZERO, prop::num::f32::NORMAL).prop_map(Shape::Pair),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Shape::Deep),
                prop::collection::btree_map(text.clone(), inner, 0..4).prop_map(Shape::Keyed),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The oracle reads ours as what it reads of its own. Of two shortest ways to write a float that are equally near, as .2 and
        /// .3 are to the `f32` 2868044.25, each takes another.
        #[test]
        fn it_says_what_serde_json_says(shape in shape()) {
            let ours = to_string(&shape).unwrap();
            let theirs = serde_json::to_string(&shape).unwrap();
            let read = |text: &str| serde_json::from_str(text).map(coarse);
            prop_assert_eq!(read(&ours).unwrap(), read(&theirs).unwrap(), "{} for {}", ours, theirs);
        }

        /// And by who reads exactly every float is read as what it is.
        #[test]
        fn floats_are_exact(long in prop::num::f64::NORMAL, short in prop::num::f32::NORMAL) {
            prop_assert_eq!(to_string(&long).unwrap().parse(), Ok(long));
            prop_assert_eq!(to_string(&short).unwrap().parse(), Ok(short));
        }
    }

    /// The same with floats as an `f32` can tell them apart.
    fn coarse(value: Value) -> Value {
        match value {
            Value::Number(number) if number.is_f64() => Value::from(number.as_f64().map(|float| float as f32)),
            Value::Array(values) => values.into_iter().map(coarse).collect(),
            Value::Object(pairs) => pairs.into_iter().map(|(key, value)| (key, coarse(value))).collect(),
            other => other,
        }
    }

    #[test]
    fn without_floats_it_is_the_same_byte_for_byte() {
        let shapes = vec![
            Shape::Unit,
            Shape::Newtype(i64::MIN),
            Shape::Tuple(255, "\u{0}\u{1f}\u{7f}\"\\/\n\r\t\u{8}\u{c}\u{2028} aä😀".to_owned()),
            Shape::Struct { wide: u128::MAX, letter: '"', nothing: () },
            Shape::Deep(vec![Shape::Deep(vec![]), Shape::Unit]),
            Shape::Keyed([("a \"b\"".to_owned(), Shape::Unit), (String::new(), Shape::Newtype(1))].into()),
            Shape::Numbered([(-1, Some(true)), (7, None)].into()),
            Shape::Truths([(true, Marker)].into()),
        ];
        assert_eq!(to_string(&shapes).unwrap(), serde_json::to_string(&shapes).unwrap());
    }

    #[test]
    fn floats_are_numbers_or_nothing() {
        let floats = [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, f64::MAX, f64::NAN, f64::INFINITY];
        let text = to_string(&floats[..]).unwrap();
        let read: Vec<Option<f64>> = serde_json::from_str(&text).unwrap();
        for (float, read) in floats.iter().zip(read) {
            assert_eq!(float.is_finite().then_some(*float), read, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_a_list_is_an_error() {
        let odd: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        assert!(to_string(&odd).unwrap_err().to_string().contains("a key"));
        let nothing: BTreeMap<(), u8> = [((), 1)].into();
        assert!(to_string(&nothing).is_err());
    }
}
