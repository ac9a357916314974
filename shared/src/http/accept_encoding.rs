//! `Accept-Encoding` (RFC 9110, section 12.5.3).

use poem::http::{HeaderMap, header};

/// Whether the client accepts the content coding (or `*`) with a weight above zero. The name is in
/// lower case.
#[must_use]
pub fn accepts_encoding(request: &HeaderMap, coding: &str) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter();
    let text: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let text = text.join(",").to_ascii_lowercase();
    let weight_of = |name: &str| {
        text.split(',').map(|part| part.split_once(';').unwrap_or((part, ""))).find_map(
            |(coding, parameter)| {
                let weight = parameter.trim().strip_prefix("q=").unwrap_or("1");
                (coding.trim() == name).then(|| weight.trim().parse::<f32>().unwrap_or(0.0))
            },
        )
    };
    weight_of(coding).or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn a_coding_is_accepted_if_its_weight_is_above_zero() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("br", false),
            ("x-gzipped", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_encoding(&headers, "gzip"), expected, "{value}");
        }
        assert!(!accepts_encoding(&HeaderMap::new(), "gzip"));
    }
}
