//! Bare handlers: what the HTTP framework and the driver cost without LogPulse.

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json, Path};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler, post};
use redis::AsyncCommands;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The setting for the URL of Redis.
pub(crate) const REDIS: &str = "FLOOR_REDIS";

/// The prefix of the keys that [`fetch`] reads.
pub(crate) const KEY_PREFIX: &str = "floor:";

#[derive(Deserialize)]
#[expect(dead_code, reason = "the fields are only parsed")]
struct Entry {
    service_name: String,
    level: Option<String>,
    message: String,
    timestamp: Option<String>,
    attributes: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Saved {
    message: &'static str,
    id: Uuid,
}

/// Parses an entry, and responds as `POST /logs` does.
#[handler]
async fn save(body: Vec<u8>) -> Response {
    match serde_json::from_slice::<Entry>(&body) {
        Ok(_) => {
            let saved = Saved { message: "Log saved", id: Uuid::now_v7() };
            Json(saved).with_status(StatusCode::CREATED).into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into(),
    }
}

/// Reads a key from Redis.
#[handler]
async fn fetch(id: Path<String>, redis: Data<&ConnectionManager>) -> Response {
    let mut redis = (*redis).clone();
    match redis.get::<_, Option<Vec<u8>>>(format!("{KEY_PREFIX}{}", *id)).await {
        Ok(Some(entry)) => Response::builder().content_type("application/json").body(entry),
        Ok(None) => StatusCode::NOT_FOUND.into(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into(),
    }
}

/// Serves the handlers until the process is killed.
pub(crate) async fn serve() {
    let redis = redis::Client::open(std::env::var(REDIS).unwrap()).unwrap();
    let redis = redis.get_connection_manager().await.unwrap();
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].to_string();
    let address = address.trim_start_matches("socket://");
    // In the format of a function's log, so that it is started like a function.
    eprintln!(r#"{{"message":"serving","address":"{address}"}}"#);
    let routes = Route::new().at("/logs", post(save)).at("/logs/:id", get(fetch)).data(redis);
    Server::new_with_acceptor(acceptor).run(routes).await.unwrap();
}
