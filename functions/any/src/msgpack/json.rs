//! Converts `MessagePack` values into JSON. The reader has checked their depth.

use std::borrow::Cow;
use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use shared::json::push_string;

use super::reader::{Malformed, Reader, Token};
use super::time::EventTime;

/// Converts a value to JSON. Times become numbers; other extensions, and bytes that are not UTF-8,
/// become base64.
pub(super) fn to_json(mut value: Reader<'_>) -> Result<String, Malformed> {
    let mut json = String::new();
    write(&mut value, &mut json)?;
    Ok(json)
}

/// The text of a string, or the JSON of any other value.
pub(super) fn to_text(value: Reader<'_>) -> Result<Cow<'_, str>, Malformed> {
    match value.peek()? {
        Token::Text(text) => Ok(String::from_utf8_lossy(text)),
        _ => to_json(value).map(Cow::Owned),
    }
}

/// The name of a field. Arrays and maps cannot be names: their text would double in length with
/// each level, because each level escapes the quotes again.
pub(super) fn to_name(value: Reader<'_>) -> Result<Cow<'_, str>, Malformed> {
    match value.peek()? {
        Token::Array(_) | Token::Map(_) => Err(Malformed::Name),
        _ => to_text(value),
    }
}

fn write(reader: &mut Reader<'_>, json: &mut String) -> Result<(), Malformed> {
    match reader.token()? {
        Token::Nil => json.push_str("null"),
        Token::Bool(value) => push(json, value),
        Token::Unsigned(number) => push(json, number),
        Token::Signed(number) => push(json, number),
        Token::Float(number) if number.is_finite() => push_number(json, number.into()),
        // JSON has no infinities and no NaN.
        Token::Float(number) => push_string(&number.to_string(), json),
        Token::SmallFloat(number) if number.is_finite() => push_number(json, number.into()),
        Token::SmallFloat(number) => push_string(&number.to_string(), json),
        Token::Text(text) => push_string(&String::from_utf8_lossy(text), json),
        Token::Bytes(bytes) => match str::from_utf8(bytes) {
            Ok(text) => push_string(text, json),
            Err(_) => push_string(&BASE64_STANDARD.encode(bytes), json),
        },
        Token::Extension(kind, bytes) => match EventTime::of_extension(kind, bytes) {
            Some(time) => push(json, time),
            None => push_string(&BASE64_STANDARD.encode(bytes), json),
        },
        Token::Array(length) => {
            json.push('[');
            for index in 0..length {
                separate(json, index);
                write(reader, json)?;
            }
            json.push(']');
        }
        Token::Map(length) => {
            json.push('{');
            for index in 0..length {
                separate(json, index);
                push_string(&to_name(reader.value()?)?, json);
                json.push(':');
                write(reader, json)?;
            }
            json.push('}');
        }
    }
    Ok(())
}

fn separate(json: &mut String, index: u32) {
    if index > 0 {
        json.push(',');
    }
}

fn push(json: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(json, "{value}");
}

fn push_number(json: &mut String, number: serde_json::Value) {
    push(json, number);
}
