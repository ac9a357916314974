//! Requests with a single document, which the index and document APIs of Elasticsearch save:
//! `/{index}/_doc`, `/{index}/_doc/{id}` and `/{index}/_create/{id}`.

use std::borrow::Cow;
use std::sync::Arc;

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::json;
use shared::Arrival;
use shared::http::{DecodedBody, EncodedBody, Function, Problem};
use shared::intake::shape::Names;
use shared::intake::{Limits, Packed, Protocol, Reason, Rejection, pack_one};

use crate::action::{Action, Operation};
use crate::items::too_long;
use crate::protocol::respond;
use crate::{Bulk, PREFIX, document, origin, upload};

/// Adds the paths to the function, both at the top level and below the prefix.
pub(crate) fn add(mut function: Function, bulk: &Arc<Bulk>) -> Function {
    for (parent, index) in
        [("/:index", None), ("/logs", Some("logs")), (&*format!("{PREFIX}/:index"), None)]
    {
        for (path, operation, methods) in [
            ("_doc", Operation::Index, &[Method::POST][..]),
            ("_doc/:id", Operation::Index, &[Method::POST, Method::PUT]),
            ("_create/:id", Operation::Create, &[Method::POST, Method::PUT]),
        ] {
            for method in methods {
                let save = SaveDocument { bulk: bulk.clone(), operation, index };
                function = function.route_for(method.clone(), &format!("{parent}/{path}"), save);
            }
        }
    }
    function
}

/// Saves the document in the body.
struct SaveDocument {
    bulk: Arc<Bulk>,
    operation: Operation,
    /// The index in the path, if it is not a parameter.
    index: Option<&'static str>,
}

impl Endpoint for SaveDocument {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (request, body) = upload(request).await?;
        let (arrival, trace) = origin(&request);
        let parameter = |name| request.raw_path_param(name).map(|value| value.to_owned().into());
        let index = self.index.map(Cow::Borrowed).or_else(|| parameter("index"));
        let action = Action { operation: self.operation, index, id: parameter("id") };
        if let Some(mistake) = too_long(&action) {
            return Err(Problem::new(StatusCode::BAD_REQUEST, mistake).into());
        }
        let intake = &self.bulk.intake;
        let body = intake.read(body).await?;
        let names = self.bulk.names.clone();
        let limits = intake.limits().clone();
        let pack = move |body| pack(body, &action, &names, &arrival, &limits);
        let (entry, _body) = intake.pack(body, pack).await?;
        let response = intake.publish(entry, trace).await.map_err(Problem::from)?;
        Ok(respond(StatusCode::CREATED, request.headers(), response))
    }
}

/// Packs the document, and writes the response. Also returns the decoded body, which keeps its memory
/// reserved until the entry is on the queue.
fn pack(
    body: EncodedBody,
    action: &Action<'_>,
    names: &Names,
    arrival: &Arrival,
    limits: &Limits,
) -> Result<(Packed<String>, DecodedBody), Problem> {
    let body = body.decode()?;
    let entry = document::entry(action, &body.bytes, names, arrival);
    let packed = pack_one(Protocol::Elasticsearch, entry, arrival, limits);
    let entry = packed.map_err(|rejection| problem(&rejection))?;
    let response = |id: shared::EntryId| {
        let id = action.id.as_deref().map_or_else(|| id.to_string(), str::to_owned);
        let response = json!({
            "_index": action.index,
            "_id": id,
            "_version": 1,
            "result": "created",
            "_shards": { "total": 1, "successful": 1, "failed": 0 },
            "_seq_no": 0,
            "_primary_term": 1,
        });
        format!("{response}\n")
    };
    Ok((entry.map(response), body))
}

fn problem(rejection: &Rejection) -> Problem {
    let status = match rejection.reason {
        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, rejection.error.detail.clone())
}
