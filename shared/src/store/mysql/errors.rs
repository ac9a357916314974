//! Classifies the errors of MySQL by their numbers.

use sqlx::mysql::MySqlDatabaseError;

use crate::error::{Error, Source};
use crate::store::SERVICE;

pub(super) fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable(SERVICE, source)
}

/// Classifies an error that is not about a single row: a column that does not decode is `Rejected`,
/// a server error that is not known to be temporary is `Failed`, and everything else is
/// `Unavailable`.
pub(super) fn classify(error: sqlx::Error) -> Error {
    match (&error, error_number(&error)) {
        (sqlx::Error::ColumnDecode { .. }, _) => Error::rejected(SERVICE, error),
        (_, Some(number)) if !is_server_condition(number) => Error::failed(SERVICE, error),
        _ => unavailable(error),
    }
}

/// Whether MySQL will never accept the row: a value is missing, out of range, too long or not valid
/// in the character set, or a trigger or constraint refuses it.
/// Source: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
pub(super) fn is_row_error(error: &sqlx::Error) -> bool {
    matches!(
        error_number(error),
        Some(1048 | 1264 | 1265 | 1292 | 1300 | 1366 | 1406 | 1644 | 3140 | 3819 | 3988)
    )
}

/// Whether the server is temporarily unable to insert: it is shutting down, out of memory, disk
/// space, connections or locks, read-only or interrupted, or the user, table, column or partition
/// is missing.
fn is_server_condition(number: u16) -> bool {
    let full = [1021, 1030, 1037, 1038, 1041, 1114, 1180];
    let unreachable = [1040, 1053, 1129, 1130, 1158, 1159, 1160, 1161, 1203, 1226, 4031];
    let missing = [1044, 1045, 1049, 1054, 1142, 1143, 1146, 1526];
    let locked = [1205, 1206, 1213, 1290, 1317, 1792, 1836, 1927, 3024, 3572, 3989];
    [&full[..], &unreachable, &missing, &locked].iter().any(|group| group.contains(&number))
}

pub(super) fn error_number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}
