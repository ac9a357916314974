//! An operation's query parameters, declared once for both parsing and the OpenAPI document. An
//! error names every invalid parameter and the first ten unknown ones.

mod pairs;
mod reader;
mod types;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::problem::Problem;
use crate::log_entry::ValidationError;
pub use reader::{Parameter, Reader};
pub use types::{ParameterType, WholeNumber, choices, choose};

/// The query parameters of an operation.
pub trait Parameters: Sized + Send {
    /// Reads each parameter. If one is invalid, the result is discarded.
    fn read(query: &mut Reader) -> Self;
}

/// Extracts the query parameters `P`. The document lists each of them.
#[derive(Debug)]
pub struct Query<P>(pub P);

/// Parses a query string. Every parameter in it must be one of `P`.
fn parse<P: Parameters>(query: &str) -> Result<P, ValidationError> {
    let mut reader = Reader::new(query);
    let parameters = P::read(&mut reader);
    reader.finish()?;
    Ok(parameters)
}

/// Rejects a query for an operation without parameters.
pub(super) fn check_absent(request: &Request) -> Result<(), Problem> {
    match request.uri().query() {
        None | Some("") => Ok(()),
        Some(query) => Ok(Reader::new(query).finish()?),
    }
}

impl<'a, P: Parameters> ApiExtractor<'a> for Query<P> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    /// An object with a property per parameter, which the document lists separately.
    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let mut reader = Reader::new("");
        P::read(&mut reader);
        let schema = MetaSchema { properties: reader.into_schemas(), ..MetaSchema::new("object") };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let query = request.uri().query().unwrap_or_default();
        Ok(Self(parse(query).map_err(Problem::from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Level, ServiceName, Timestamp};
    use crate::query::TimeExpression;
    use crate::search::Sort;

    #[derive(Debug, PartialEq)]
    struct Sample {
        levels: Vec<Level>,
        service: Option<ServiceName>,
        from: Option<TimeExpression>,
        fuzzy: bool,
        sort: Sort,
        limit: u32,
    }

    impl Parameters for Sample {
        fn read(query: &mut Reader) -> Self {
            let parameter = |name| Parameter {
                name,
                description: "",
                example: "",
                synonyms: if name == "limit" { &["size"] } else { &[] },
            };
            Self {
                levels: query.many(parameter("level")),
                service: query.optional(parameter("service_name")),
                from: query.optional(parameter("from")),
                fuzzy: query.with_default(parameter("fuzzy"), false),
                sort: query.with_default(parameter("sort"), Sort::Newest),
                limit: query.with_default(parameter("limit"), WholeNumber::<1, 1000>(100)).0,
            }
        }
    }

    fn error(query: &str) -> String {
        parse::<Sample>(query).unwrap_err().detail
    }

    #[test]
    fn absent_parameters_have_their_defaults() {
        let expected = Sample {
            levels: Vec::new(),
            service: None,
            from: None,
            fuzzy: false,
            sort: Sort::Newest,
            limit: 100,
        };
        for query in ["", "&", "&&"] {
            assert_eq!(parse::<Sample>(query).unwrap(), expected);
        }
    }

    #[test]
    fn parameters_are_decoded_and_parsed() {
        let query =
            "level=err&service_name=caf%C3%A9+1&level=%77arn&fuzzy=true&sort=oldest&limit=7";
        let expected = Sample {
            levels: vec![Level::parse("ERROR"), Level::parse("WARN")],
            service: Some("café 1".to_owned().try_into().unwrap()),
            from: None,
            fuzzy: true,
            sort: Sort::Oldest,
            limit: 7,
        };
        assert_eq!(parse::<Sample>(query).unwrap(), expected);
    }

    #[test]
    fn an_error_for_an_invalid_value_names_the_valid_values() {
        for (query, expected) in [
            ("fuzzy=yes", "fuzzy: must be true or false"),
            ("sort=newest%20", "sort: must be newest, oldest or relevance"),
            ("sort=", "sort: must be newest, oldest or relevance"),
            ("limit=0", "limit: must be a whole number from 1 to 1000"),
            ("limit=1001", "limit: must be a whole number from 1 to 1000"),
            ("limit=1.0", "limit: must be a whole number from 1 to 1000"),
            ("limit=%2B7", "limit: must be a whole number from 1 to 1000"),
            ("level=", "level: must not be empty"),
            ("level=error&level=%20", "level: must not be empty"),
            ("service_name=", "service_name: must have 1 to 255 characters"),
            ("service_name=%FF", "service_name: must be UTF-8, percent-encoded"),
            (
                "from=soon",
                "from: must be an RFC 3339 timestamp such as 2024-06-14T12:00:00Z, a day such as \
                 2024-06-14, or a relative time such as -15m or now-1h",
            ),
        ] {
            assert_eq!(error(query), expected, "{query}");
        }
    }

    #[test]
    fn the_plus_in_a_time_zone_need_not_be_encoded() {
        let expected = Timestamp::parse("2024-06-15T10:00:00Z").unwrap();
        for from in [
            "2024-06-15T12:00:00+02:00",
            "2024-06-15T12:00:00%2B02:00",
            "2024-06-15+12:00:00+02:00",
            "2024-06-15T10:00:00Z",
            "2024-06-15%2010:00:00z",
        ] {
            let sample = parse::<Sample>(&format!("from={from}")).unwrap();
            assert_eq!(sample.from.map(|time| time.start), Some(expected), "{from}");
        }
    }

    #[test]
    fn an_error_for_an_unknown_parameter_suggests_the_closest() {
        let known = "valid parameters: level, service_name, from, fuzzy, sort, limit";
        for (name, closest) in [
            ("servce_name", "service_name"),
            ("Level", "level"),
            ("form", "from"),
            ("size", "limit"),
        ] {
            let expected = format!("unknown parameter; did you mean {closest}? ({known})");
            let error = parse::<Sample>(&format!("{name}=1")).unwrap_err();
            assert_eq!(error.errors[0].field, name);
            assert_eq!(error.errors[0].detail, expected);
        }
        for name in ["user.id", "pretty", "_", "levitation"] {
            let error = parse::<Sample>(&format!("{name}=1")).unwrap_err();
            assert_eq!(error.errors[0].detail, format!("unknown parameter; {known}"), "{name}");
        }
    }

    #[test]
    fn a_repeated_parameter_is_rejected_unless_it_is_a_list() {
        assert_eq!(error("sort=newest&sort=newest"), "sort: must not be repeated");
        assert_eq!(parse::<Sample>("level=a&level=b").unwrap().levels.len(), 2);
        let many = "level=a&".repeat(101);
        assert_eq!(error(&many), "level: must appear at most 100 times");
    }

    #[test]
    fn every_error_is_reported() {
        let error = parse::<Sample>("limit=0&x=1&fuzzy=1&limit2=3&x=2").unwrap_err();
        let fields: Vec<&str> = error.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["fuzzy", "limit", "x", "limit2"]);
    }

    #[test]
    fn a_repeated_parameter_gets_only_one_error() {
        for query in ["fuzzy=x&".repeat(4000), "level=&".repeat(50), "sort=&fuzzy=1&".repeat(9)] {
            let errors = parse::<Sample>(&query).unwrap_err().errors;
            assert!(errors.len() <= 2, "{errors:?}");
        }
        assert_eq!(error("=1"), "the query string has a parameter without a name");
    }

    #[test]
    fn malformed_percent_escapes_are_literal() {
        let sample = parse::<Sample>("service_name=100%&level=%zz").unwrap();
        assert_eq!(sample.service.unwrap().as_str(), "100%");
        assert_eq!(sample.levels, [Level::parse("%zz")]);
    }

    #[test]
    fn an_operation_without_parameters_rejects_them() {
        let request = |uri: &'static str| Request::builder().uri_str(uri).finish();
        assert!(check_absent(&request("/ping")).is_ok());
        assert!(check_absent(&request("/ping?")).is_ok());
        let problem = check_absent(&request("/ping?a=1")).unwrap_err();
        assert_eq!(problem.detail, "a: unknown parameter; this operation has no query parameters");
    }

    #[test]
    fn unknown_names_are_bounded_in_number_and_length() {
        let names: Vec<String> = (0..50).map(|n| format!("{n}{}", "x".repeat(500))).collect();
        let error = parse::<Sample>(&names.join("&")).unwrap_err();
        assert_eq!(error.errors.len(), 10);
        assert!(error.errors.iter().all(|error| error.field.chars().count() <= 65));
    }
}
