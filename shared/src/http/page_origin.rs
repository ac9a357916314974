//! Whether a web page may send a request that changes data. CORS does not answer this: it only keeps
//! the page from reading the response.

use poem::Request;
use poem::http::header;
use url::Url;

use crate::config::AllowedOrigins;

/// Whether the page of another origin sent the request, and its origin is not allowed. Browsers send
/// `Origin` with every `POST` and `DELETE` request (Fetch Standard), and to `https` and `localhost`
/// also `Sec-Fetch-Site` (Fetch Metadata). Other clients send neither.
#[must_use]
pub fn is_from_foreign_page(request: &Request, allowed: &AllowedOrigins) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    let is_own = match request.header("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => has_host_of(request, origin),
    };
    !is_own && !allowed.contains(origin)
}

/// Whether the request was sent to the origin's host and port. The port is not compared if the
/// request does not name it: a proxy may leave it out.
fn has_host_of(request: &Request, origin: &str) -> bool {
    let Some(host) = request.header(header::HOST) else { return false };
    let (Ok(origin), Ok(target)) = (Url::parse(origin), Url::parse(&format!("http://{host}")))
    else {
        return false;
    };
    let has_same_port = target.port().is_none_or(|port| origin.port() == Some(port));
    origin.host().is_some() && origin.host() == target.host() && has_same_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign(headers: &[(&str, &str)], allowed: &str) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_from_foreign_page(&request.finish(), &allowed.parse().unwrap())
    }

    #[test]
    fn clients_that_are_not_browsers_and_own_pages_are_not_foreign() {
        for headers in [
            &[][..],
            &[("host", "logs.example.com")],
            &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")],
            &[("host", "logs.example.com"), ("origin", "https://logs.example.com:8443")],
            &[("host", "[::1]:80"), ("origin", "http://[::1]")],
            &[("host", "a"), ("origin", "http://b"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(!is_foreign(headers, ""), "{headers:?}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_foreign_unless_they_are_allowed() {
        for headers in [
            [("host", "127.0.0.1:8080"), ("origin", "https://evil.example"), ("accept", "*/*")],
            [("host", "127.0.0.1:8080"), ("origin", "null"), ("accept", "*/*")],
            [("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:9"), ("accept", "*/*")],
            [("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1"), ("accept", "*/*")],
            [("host", "a:1"), ("origin", "http://a:2"), ("sec-fetch-site", "same-site")],
            [("host", "a"), ("origin", "http://b"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(is_foreign(&headers, ""), "{headers:?}");
            assert!(is_foreign(&headers, "https://app.example.com"), "{headers:?}");
            assert!(!is_foreign(&headers, "*"), "{headers:?}");
        }
        let headers = [("host", "a"), ("origin", "https://app.example.com")];
        assert!(!is_foreign(&headers, "https://app.example.com"));
    }
}
