//! Fields: lists the fields that entries have, and their values.
//! `snapshot.attributes, then snapshot.aggregate --> FieldList`

mod parameters;
mod response;

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::Error;
use shared::aggregation::{Aggregation, Field, Top};
use shared::http::{
    Filters, Function, IndexState, Json, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query,
    Selection, Tag, document_of,
};
use shared::index::Index;

use parameters::FieldsParameters;
use response::{FieldList, FieldSummary};

/// The number of entries that are examined, approximately, if there are more.
const SAMPLE: u64 = 100_000;

/// The maximum number of attributes.
const MAX_ATTRIBUTES: usize = 1000;

/// The API, and the index that it queries.
pub struct Fields {
    index: Arc<dyn Index>,
}

/// The function `fields`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("fields", Fields { index: index.clone() }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Fields>();
    let schemas = &mut document["components"]["schemas"];
    let field = json!({
        "name": "level",
        "types": ["string"],
        "share": 1,
        "distinct": 1,
        "values": [{"value": "ERROR", "count": 3}],
    });
    schemas["FieldList"]["example"] = json!({"total": 3, "examined": 3, "fields": [field]});
    let properties = &mut schemas["FieldList"]["properties"];
    properties["truncated"]["example"] = json!(true);
    properties["index"]["example"] = json!("rebuilding");
    schemas["FieldSummary"]["example"] = field;
    schemas["FieldSummary"]["properties"]["approximate"]["example"] = json!(true);
    let get = &mut document["paths"]["/logs/fields"]["get"];
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("values", "must be a whole number from 0 to 20"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    document
}

#[OpenApi]
impl Fields {
    /// List the fields of log entries
    ///
    /// Lists the fields that the entries found by a search with the same filters have: their types,
    /// how common they are, and their most common values. Of many entries, a random sample is
    /// examined. Attributes must be among the first `INDEX_ATTRIBUTES_MAX` (200) of a day. Strings of
    /// more than 256 bytes are left out.
    #[oai(path = "/logs/fields", method = "get", operation_id = "listLogFields", tag = "Tag::Logs")]
    async fn fields(
        &self,
        Query(parameters): Query<FieldsParameters>,
    ) -> Result<FieldsResponse, ProblemResponse<FieldsProblems>> {
        let selection = Selection::open(self.index.as_ref(), &parameters.filters).await?;
        let mut attributes = attributes(&selection).await?;
        let is_truncated = attributes.len() > MAX_ATTRIBUTES;
        attributes.truncate(MAX_ATTRIBUTES);
        let fields: Vec<Field> =
            [Field::Level, Field::ServiceName].into_iter().chain(attributes).collect();
        let top = |field: &Field| Top { field: field.clone(), limit: parameters.values };
        let top = fields.iter().map(top).collect();
        let all = selection.within(parameters.filters.time);
        let aggregation = Aggregation { sample: Some(SAMPLE), top, ..all };
        let found = selection.aggregate(&aggregation).await.map_err(Filters::problem)?;
        let is_sample = found.examined < found.total;
        let mut fields: Vec<FieldSummary> = fields
            .iter()
            .zip(found.top)
            .filter(|(_, values)| values.entries > 0)
            .map(|(field, values)| {
                FieldSummary::new(field.to_string(), values, found.examined, is_sample)
            })
            .collect();
        // Sorting is stable, so fields that are equally common stay in the order of their names.
        fields.sort_by(|one, other| other.share.total_cmp(&one.share));
        Ok(FieldsResponse::Fields(Json(FieldList {
            total: found.total,
            examined: found.examined,
            fields,
            truncated: is_truncated.then_some(true),
            index: found.is_rebuilding.then_some(IndexState::Rebuilding),
        })))
    }
}

/// The attributes that can be counted. Paths that `top` and `by` of stats reject are left out.
async fn attributes(selection: &Selection) -> Result<Vec<Field>, Problem> {
    let paths = selection.attributes().await?.into_iter();
    Ok(paths.filter_map(|path| Field::Attribute(path).to_string().parse().ok()).collect())
}

#[derive(ApiResponse)]
enum FieldsResponse {
    /// The fields.
    #[oai(status = 200)]
    Fields(Json<FieldList>),
}

struct FieldsProblems;

impl Problems for FieldsProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A filter or `values` is invalid; `errors` names it."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The index is unavailable or does not respond within 10 s, so fields cannot be listed; \
             retry later.",
        ),
    ];
}
