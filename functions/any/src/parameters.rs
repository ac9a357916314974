//! The query parameters of `POST /logs/any`, and the default service from the request's headers.

use std::sync::Arc;

use poem::http::{HeaderMap, header};
use shared::http::{Parameter, Parameters, Reader};
use shared::intake::shape::{Meaning, Names};
use shared::log_entry::{BoundedString, ServiceName};

use crate::decode::Context;

/// Field names, separated by commas.
type FieldNames = BoundedString<1000>;

/// The query parameters.
pub(crate) struct AnyParameters {
    fields: [(Meaning, Option<FieldNames>); 4],
    service: Option<ServiceName>,
}

impl Parameters for AnyParameters {
    fn read(query: &mut Reader) -> Self {
        Self {
            fields: [
                (
                    Meaning::Time,
                    query.optional(Parameter {
                        name: "time_field",
                        description: "The field with the time, if its name is not recognized: a \
                                      name, a path such as `event.created`, or several of them \
                                      separated by commas. The first one with a suitable value is used.",
                        example: "event.created",
                        synonyms: &["timestamp_field", "timestamp", "time", "_time_field"],
                    }),
                ),
                (
                    Meaning::Level,
                    query.optional(Parameter {
                        name: "level_field",
                        description: "The field with the level, in the same format as `time_field`.",
                        example: "syslog.severity",
                        synonyms: &["severity_field", "level", "severity"],
                    }),
                ),
                (
                    Meaning::Service,
                    query.optional(Parameter {
                        name: "service_field",
                        description: "The field with the service name, in the same format as `time_field`.",
                        example: "team,unit",
                        synonyms: &["service_name_field", "app_field"],
                    }),
                ),
                (
                    Meaning::Message,
                    query.optional(Parameter {
                        name: "message_field",
                        description: "The field with the message, in the same format as `time_field`.",
                        example: "summary",
                        synonyms: &["msg_field", "_msg_field", "message"],
                    }),
                ),
            ],
            service: query.optional(Parameter {
                name: "service",
                description: "The service of records that do not name one. Default: the product \
                              name in the `User-Agent` header.",
                example: "payment-service",
                synonyms: &["service_name", "app", "application"],
            }),
        }
    }
}

impl AnyParameters {
    /// How to decode the records of the request.
    pub(crate) fn context(self, standard: &Arc<Names>, headers: &HeaderMap) -> Context {
        let mut names = Arc::clone(standard);
        for (meaning, fields) in self.fields {
            if let Some(fields) = fields {
                names = Arc::new(Names::clone(&names).preferring(meaning, fields.as_str()));
            }
        }
        Context { names, service: self.service.or_else(|| product(headers)) }
    }
}

/// The first product in the `User-Agent` header, without its version.
fn product(headers: &HeaderMap) -> Option<ServiceName> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let product = agent.trim_start().split(['/', ' ', '(']).next()?;
    product.to_owned().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_the_user_agent_has_no_version() {
        for (agent, expected) in [
            ("Fluent-Bit", Some("Fluent-Bit")),
            ("syslog-ng 3.38.1/libcurl 7.88.1", Some("syslog-ng")),
            ("got (https://github.com/sindresorhus/got)", Some("got")),
            ("curl/8.5.0", Some("curl")),
            ("", None),
            ("(x)", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().unwrap());
            let product = product(&headers);
            assert_eq!(product.as_ref().map(ServiceName::as_str), expected, "{agent}");
        }
        assert_eq!(product(&HeaderMap::new()), None);
    }
}
