//! `If-None-Match` (RFC 9110, section 13.1.2).

use poem::http::{HeaderMap, HeaderValue, header};

/// Whether the client already has the response with this entity tag.
#[must_use]
pub fn is_unchanged(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(etag) = etag.to_str().map(opaque) else { return false };
    let values = request.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values.filter_map(|value| value.to_str().ok()).flat_map(|tags| tags.split(','));
    tags.any(|tag| tag.trim() == "*" || opaque(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_unchanged_if_the_client_has_its_entity_tag() {
        for (tags, expected) in [
            (&["W/\"a1\""][..], true),
            (&["\"a1\""], true),
            (&["\"b2\", W/\"a1\""], true),
            (&["\"b2\"", "\"a1\""], true),
            (&["*"], true),
            (&["\"b2\""], false),
            (&["a1"], false),
            (&[], false),
        ] {
            let mut request = HeaderMap::new();
            for tag in tags {
                request.append(header::IF_NONE_MATCH, HeaderValue::from_static(tag));
            }
            let etag = HeaderValue::from_static("W/\"a1\"");
            assert_eq!(is_unchanged(&request, &etag), expected, "{tags:?}");
        }
    }
}
