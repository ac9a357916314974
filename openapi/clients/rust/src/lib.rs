//! A client for LogPulse, generated from its OpenAPI document.

progenitor::generate_api!(spec = { path = "openapi.json", relative_to = OutDir }, interface = Builder);
