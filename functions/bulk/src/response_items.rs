//! The response to a bulk request: one item per action, in order.

use std::fmt::Write;

use poem::http::StatusCode;
use shared::json::push_string;

use crate::action::Action;

/// The index in the response to an action that does not name one.
const NO_INDEX: &str = "logs";

/// The items of a response as JSON, without the brackets around them.
#[derive(Debug, Default)]
pub(crate) struct ResponseItems {
    items: String,
    has_errors: bool,
}

/// Why an action is refused, in Elasticsearch's terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) reason: &'a str,
}

impl ResponseItems {
    /// The size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.items.len()
    }

    /// Adds the item of a document that is saved under this id.
    pub(crate) fn saved(&mut self, action: &Action<'_>, id: &str) {
        self.open(action, Some(id));
        self.items.push_str(r#","_version":1,"result":"created","status":201}}"#);
    }

    /// Adds the item of an action that is refused.
    pub(crate) fn refused(&mut self, action: &Action<'_>, refusal: Refusal<'_>) {
        self.has_errors = true;
        self.open(action, action.id.as_deref());
        let Refusal { status, kind, reason } = refusal;
        // Writing to a string cannot fail.
        _ = write!(self.items, r#","status":{},"error":{{"type":"{kind}","#, status.as_u16());
        self.items.push_str(r#""reason":"#);
        push_string(reason, &mut self.items);
        self.items.push_str("}}}");
    }

    /// The JSON of the response. Fluent Bit looks for `"errors":false,"items":[` without spaces.
    pub(crate) fn into_json(self, took_millis: u128) -> Vec<u8> {
        let mut json = self.items;
        json.push_str("]}\n");
        let has_errors = self.has_errors;
        json.insert_str(0, &format!(r#"{{"took":{took_millis},"errors":{has_errors},"items":["#));
        json.into_bytes()
    }

    /// The items as a JSON array.
    pub(crate) fn into_items(self) -> String {
        format!("[{}]", self.items)
    }

    /// Begins an item with its operation, index and id.
    fn open(&mut self, action: &Action<'_>, id: Option<&str>) {
        if !self.items.is_empty() {
            self.items.push(',');
        }
        _ = write!(self.items, r#"{{"{}":{{"_index":"#, action.operation.name());
        push_string(action.index.as_deref().unwrap_or(NO_INDEX), &mut self.items);
        self.items.push_str(r#","_id":"#);
        match id {
            Some(id) => push_string(id, &mut self.items),
            None => self.items.push_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const REFUSAL: Refusal<'static> = Refusal {
        status: StatusCode::BAD_REQUEST,
        kind: "document_parsing_exception",
        reason: "not \"JSON\"\n",
    };

    fn action(line: &str) -> Action<'_> {
        Action::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn a_response_without_errors_is_compact() {
        let mut response = ResponseItems::default();
        response.saved(&action(r#"{"create":{"_index":"a"}}"#), "1");
        let json = String::from_utf8(response.into_json(7)).unwrap();
        let expected = concat!(
            r#"{"took":7,"errors":false,"items":["#,
            r#"{"create":{"_index":"a","_id":"1","_version":1,"result":"created","status":201}}]}"#,
            "\n"
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn each_action_has_an_item() {
        let mut response = ResponseItems::default();
        response.saved(&action(r#"{"index":{"_index":"\"a"}}"#), "\n");
        response.refused(&action(r#"{"create":{"_id":"2"}}"#), REFUSAL);
        response.refused(&action(r#"{"update":{}}"#), REFUSAL);
        let json: Value = serde_json::from_slice(&response.into_json(0)).unwrap();
        let error = json!({"type": "document_parsing_exception", "reason": "not \"JSON\"\n"});
        let item = |id: Value| json!({"_index": "logs", "_id": id, "status": 400, "error": error});
        let saved = json!({"_index": "\"a", "_id": "\n", "_version": 1, "result": "created", "status": 201});
        let items = json!([
            {"index": saved},
            {"create": item(json!("2"))},
            {"update": item(Value::Null)},
        ]);
        assert_eq!(json, json!({"took": 0, "errors": true, "items": items}));
    }
}
