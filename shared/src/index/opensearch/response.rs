//! Reads OpenSearch responses, and reports failed requests.

use bytes::Bytes;
use opensearch::http::StatusCode;
use opensearch::http::response::Response;

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// OpenSearch returned an error.
    #[error("OpenSearch returned {status}: {body}")]
    Status { status: StatusCode, body: String },
    /// There is no response, or it could not be read.
    #[error(transparent)]
    NoResponse(#[from] opensearch::Error),
    /// Some nodes did not apply a change in time.
    #[error("some OpenSearch nodes did not apply the change in time")]
    NotAcknowledged,
    /// Some shards did not take part in a search.
    #[error("some shards did not take part in the search")]
    MissingShards,
    /// The response does not have the expected form.
    #[error("reading OpenSearch's response: {0}")]
    Invalid(#[from] serde_json::Error),
}

impl Failure {
    /// The status of an error response; `None` for any other failure.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether OpenSearch refuses the request because it is invalid in the current state of the
    /// cluster (400), or not permitted (401, 403). Two of these errors are temporary: an index that
    /// was created in the meantime (400), and a block such as that of a full disk (403).
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Status { status, body } = self else { return false };
        match *status {
            StatusCode::BAD_REQUEST => !body.contains("resource_already_exists_exception"),
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => !body.contains("cluster_block_exception"),
            _ => false,
        }
    }

    /// Whether the search exceeded the time limit that it was sent with.
    pub(super) fn is_timeout(&self) -> bool {
        let Self::Status { status, body } = self else { return false };
        *status == StatusCode::INTERNAL_SERVER_ERROR && body.contains("Time exceeded")
    }

    /// Whether the search is likely to succeed if it is retried within a second. OpenSearch refuses
    /// requests while its heap is full, until the next garbage collection, and loses the hits that
    /// it has found if their index is replaced before they are fetched.
    pub(super) fn is_brief(&self) -> bool {
        match self {
            Self::MissingShards => true,
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, body } => {
                body.contains("circuit_breaking_exception")
            }
            Self::Status { status: StatusCode::NOT_FOUND, body } => {
                body.contains("search_context_missing_exception")
            }
            _ => self.status() == Some(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

/// Reads the body of a successful response.
///
/// # Errors
/// When there is no response, or its status does not indicate success.
pub(super) async fn successful_body(
    response: Result<Response, opensearch::Error>,
) -> Result<Bytes, Failure> {
    let response = response?;
    let status = response.status_code();
    let body = response.bytes().await?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Failure::Status { status, body: String::from_utf8_lossy(&body).into_owned() })
}
