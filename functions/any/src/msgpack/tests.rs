use std::sync::Arc;

use shared::intake::shape::Names;

use super::*;

const RECORD: &[u8] = b"\x82\xa3msg\xa1m\xa1n\x01";

/// The time of a Fluent Bit record: 1795634183.59733511.
const TIME_EXTENSION: &[u8] = b"\xd7\x00\x6b\x07\x34\x07\x23\x9a\x9c\x46";

fn decode_all(body: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let context = Context { names: Arc::new(Names::standard()), service: None };
    let mut entries = Vec::new();
    decode(body, &context, 1000, &mut |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// The time, message and attributes of each entry.
fn summaries(body: &[u8]) -> Vec<(String, String, String)> {
    let entries = decode_all(body).unwrap().into_iter().map(Result::unwrap);
    entries
        .map(|entry| {
            let time = entry.timestamp.map_or_else(String::new, |time| time.to_string());
            let attributes = entry.attributes.map(|attributes| attributes.as_str().to_owned());
            (time, entry.message, attributes.unwrap_or_default())
        })
        .collect()
}

#[test]
fn events_are_recognized_in_every_arrangement() {
    let seconds = b"\xce\x6b\x07\x34\x07";
    let with_metadata = [b"\x92\x92", TIME_EXTENSION, b"\x80", RECORD].concat();
    let event = [b"\x92", &seconds[..], RECORD].concat();
    for (body, events) in [
        (RECORD.to_vec(), 1),
        (event.clone(), 1),
        (with_metadata.clone(), 1),
        ([&event[..], &with_metadata, RECORD].concat(), 3),
        ([b"\x91", RECORD].concat(), 1),
        ([b"\x92", RECORD, RECORD].concat(), 2),
        ([b"\x92", &event[..], &event].concat(), 2),
        ([b"\xdd\x00\x00\x00\x03", &event[..], &with_metadata, RECORD].concat(), 3),
        (b"\x90".to_vec(), 0),
        (Vec::new(), 0),
    ] {
        let entries = summaries(&body);
        assert_eq!(entries.len(), events, "{body:x?}");
        assert!(entries.iter().all(|(_, message, _)| message == "m"), "{entries:?}");
    }
}

#[test]
fn the_event_time_becomes_the_timestamp() {
    let body = [b"\x92\x92", TIME_EXTENSION, b"\x80", RECORD].concat();
    let time = "2026-11-25T19:16:23.597335Z";
    let attributes = r#"{"date":1795634183.59733511,"n":1}"#;
    assert_eq!(summaries(&body), [(time.to_owned(), "m".to_owned(), attributes.to_owned())]);
    let body = b"\x92\xcb\x41\xda\xc1\xcd\x01\xc0\x00\x00\x81\xa3msg\xa1m";
    assert_eq!(
        summaries(body),
        [("2026-11-25T19:16:23.000000Z".to_owned(), "m".to_owned(), String::new())]
    );
}

#[test]
fn the_time_of_the_record_takes_precedence_and_both_are_kept() {
    let body =
        [&b"\x92\xce\x6b\x07\x34\x07\x82\xa3msg\xa1m\xa2ts\xce\x6b\x07\x34\x08"[..]].concat();
    let expected = ("2026-11-25T19:16:24.000000Z", r#"{"date":1795634183}"#);
    let entries = summaries(&body);
    assert_eq!((entries[0].0.as_str(), entries[0].2.as_str()), expected);
    let body = b"\x92\xce\x6b\x07\x34\x07\x82\xa3msg\xa1m\xa4date\xa1x";
    let expected = ("2026-11-25T19:16:23.000000Z", r#"{"date":"x"}"#);
    let entries = summaries(body);
    assert_eq!((entries[0].0.as_str(), entries[0].2.as_str()), expected);
}

#[test]
fn every_value_becomes_an_attribute() {
    let body = [
        &b"\x8c\xa1m\xa0\xa3msg\xa1m\xa1a\xc0\xa1b\xc2\xa1c\xff\xa1d\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"[..],
        b"\xa1e\xc4\x01a\xa1f\xc4\x01\xff\xa1g\x92\x01\xa1\"\xa1h\x81\x07\xa1v",
        b"\xa1i\xca\x7f\x80\x00\x00\x02\xd4\x05\x07",
    ]
    .concat();
    let expected = concat!(
        r#"{"m":"","a":null,"b":false,"c":-1,"d":1.5,"e":"a","f":"/w==","g":[1,"\""],"h":{"7":"v"},"#,
        r#""i":"inf","2":"Bw=="}"#
    );
    assert_eq!(summaries(&body)[0].2, expected);
}

#[test]
fn metadata_becomes_an_attribute() {
    let body = [b"\x92\x92", TIME_EXTENSION, b"\x81\xa1k\xa1v", RECORD].concat();
    assert!(summaries(&body)[0].2.starts_with(r#"{"metadata":{"k":"v"},"#));
}

#[test]
fn an_invalid_event_does_not_affect_the_others() {
    let body = [b"\x94\xa1x\x92\x01\x02\x80", RECORD].concat();
    let entries = decode_all(&body).unwrap();
    assert_eq!(entries.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn a_record_that_is_too_large_is_rejected_before_it_is_converted() {
    let large = [&b"\x81\xa3msg\xda\x04\x00"[..], &[0; 1024]].concat();
    let entries = decode_all(&[&large[..], RECORD].concat()).unwrap();
    let [large, small] = &entries[..] else { panic!("{entries:?}") };
    assert!(large.as_ref().unwrap_err().detail.contains("the limit is 1000"));
    assert!(small.is_ok());
}

#[test]
fn malformed_bodies_are_rejected() {
    for body in [
        &[RECORD, b"\x81\xa3msg"].concat()[..],
        b"\xdf\xff\xff\xff\xff\xa1a\x01",
        b"\xdd\xff\xff\xff\xff\x80",
        b"\x81\xdb\xff\xff\xff\xffa\x01",
        b"\x92",
        b"\xc1",
        b"\x81\x81\x01\x02\x03",
        b"\x81\xa1a\x81\x91\x01\x02",
        &[0x91; 10_000],
    ] {
        assert!(matches!(decode_all(body), Err(DecodeError::Malformed(_))), "{:x?}", &body[..1]);
    }
}

#[test]
fn text_is_not_messagepack() {
    for body in ["", "{}", "ßtext", "Ü", "\u{feff}{}"] {
        assert!(!is_likely(body.as_bytes()), "{body}");
    }
    assert!(is_likely(&[b"\x92\x92", TIME_EXTENSION].concat()));
}
