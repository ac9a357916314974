//! Joins the documents of all functions into one.
