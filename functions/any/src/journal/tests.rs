use std::sync::Arc;

use shared::NewLogEntry;
use shared::intake::shape::Names;

use super::*;
use crate::decode::{Format, decode};

/// The entries as sent by systemd-journal-upload 252. The second has a message on two lines.
const UPLOAD: &[u8] = b"__CURSOR=s=8;i=1\n__REALTIME_TIMESTAMP=1795687200123456\n\
    __MONOTONIC_TIMESTAMP=5000000\nPRIORITY=4\n_HOSTNAME=h\nSYSLOG_IDENTIFIER=cron\n_PID=7\n\
    MESSAGE=a=b\n\n__CURSOR=s=8;i=2\nPRIORITY=3\nSYSLOG_IDENTIFIER=shop\nMESSAGE\n\
    \x08\0\0\0\0\0\0\0two\n\xff\n\nx\nTAG=a\nTAG=b\nMESSAGE_ID=\n\n";

fn entries_as(
    media_type: &str,
    body: &[u8],
) -> Result<Vec<Result<NewLogEntry, String>>, DecodeError> {
    let context = Context { names: Arc::new(Names::standard()), service: None };
    let mut entries = Vec::new();
    let mut push = |entry: Entry| {
        entries.push(entry.map_err(|error| error.detail));
        Ok(())
    };
    let format = Format::of(media_type, body);
    decode(&mut body.to_vec(), format, &context, 300, &mut push)?;
    Ok(entries)
}

#[test]
fn each_entry_of_a_journal_is_a_record() {
    for media_type in [MEDIA_TYPE, "", "application/x-www-form-urlencoded"] {
        let entries = entries_as(media_type, UPLOAD).unwrap();
        let [Ok(cron), Ok(shop)] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(cron.timestamp.unwrap().to_string(), "2026-11-26T10:00:00.123456Z");
        assert_eq!(cron.level.as_ref().unwrap().as_str(), "WARN");
        assert_eq!((cron.service_name.as_str(), cron.message.as_str()), ("cron", "a=b"));
        assert_eq!(
            cron.attributes.as_ref().unwrap().as_str(),
            r#"{"__CURSOR":"s=8;i=1","__MONOTONIC_TIMESTAMP":"5000000","_HOSTNAME":"h","_PID":"7"}"#
        );
        assert_eq!(shop.message, "two\n\u{fffd}\n\nx");
        assert_eq!(
            shop.attributes.as_ref().unwrap().as_str(),
            r#"{"__CURSOR":"s=8;i=2","TAG":["a","b"],"MESSAGE_ID":""}"#
        );
    }
}

#[test]
fn an_entry_that_is_too_large_does_not_affect_the_others() {
    let large = format!("MESSAGE={}\n\n\n\nMESSAGE=small", "x".repeat(300));
    let entries = entries_as(MEDIA_TYPE, large.as_bytes()).unwrap();
    let [Err(detail), Ok(small)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(detail, "the record is 310 bytes; the limit is 300");
    assert_eq!(small.message, "small");
}

#[test]
fn the_error_for_a_malformed_export_has_the_position() {
    let long = format!("{}=a", "A".repeat(65));
    for (body, expected) in [
        (&b"MESSAGE=a\nplain text\n"[..], Malformed::Name(10)),
        (b"=a", Malformed::Name(0)),
        (long.as_bytes(), Malformed::Name(0)),
        (b"MESSAGE\n\x01\0\0", Malformed::Value(8)),
        (b"MESSAGE\n\x02\0\0\0\0\0\0\0a\n", Malformed::Value(8)),
        (b"MESSAGE\n\x01\0\0\0\0\0\0\0ab\n", Malformed::Value(8)),
        (b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffa\n", Malformed::Value(8)),
        (b"MESSAGE", Malformed::Value(7)),
    ] {
        let error = entries_as(MEDIA_TYPE, body).unwrap_err().to_string();
        assert_eq!(error, format!("the body is not a valid journal export: {expected}"));
    }
}

#[test]
fn the_number_of_fields_in_memory_is_bounded() {
    let mut reader = Reader { body: b"A=\nB=\nC=\n", position: 0 };
    let fields = reader.fields(6).unwrap();
    assert_eq!((fields.len(), reader.position), (2, 9));
}
