//! The page's libraries are the files that `checks/vendor.mjs` wrote.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page/vendor");
const MODULES: &str = include_str!("../page/vendor/modules.json");
const PACKAGE: &str = include_str!("../checks/package.json");

fn modules() -> Vec<Value> {
    serde_json::from_str(MODULES).unwrap()
}

#[test]
fn every_library_has_the_checksum_in_modules_json() {
    for module in modules() {
        let file = module["file"].as_str().unwrap();
        let content = fs::read(format!("{FOLDER}/{file}")).unwrap();
        let sha256 = module["sha256"].as_str().unwrap().as_bytes().chunks(2);
        let sha256: Vec<u8> = sha256
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect();
        let checksum = Sha256::digest(content);
        assert!(sha256 == checksum[..], "{file}: run functions/explorer/checks/vendor.mjs");
    }
}

#[test]
fn modules_json_lists_every_file_with_its_license_and_pinned_version() {
    let package: Value = serde_json::from_str(PACKAGE).unwrap();
    let mut listed = BTreeSet::from(["modules.json".to_owned()]);
    for module in modules() {
        let name = module["package"].as_str().unwrap();
        assert_eq!(module["version"], package["dependencies"][name], "{name}");
        assert!(module["integrity"].as_str().unwrap().starts_with("sha512-"), "{name}");
        assert!(["MIT", "Apache-2.0"].contains(&module["license"].as_str().unwrap()), "{name}");
        let files = ["file", "licenseFile", "typesFile"].into_iter();
        listed.extend(files.filter_map(|key| module[key].as_str().map(str::to_owned)));
    }
    let files = fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(files, listed);
}
