//! `tests/conformance/NAME.nt` prints `NAME.out`. Adding a test is adding two files. A program that does not compile
//! prints its diagnostics. `NAME.nt` may use `NAME.lib.nt` beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::drive::{self, Files};
use crate::port::World;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// Every program: name and source.
pub fn programs() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "nt"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .filter(|(name, _)| !name.ends_with(".lib"))
        .collect();
    found.sort();
    found
}

pub fn files() -> BTreeMap<String, String> {
    std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".lib.nt"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn run(source: &str) -> String {
    match neutron::compile(source, "test.nt", &Files(files())) {
        Err(diagnostics) => diagnostics.iter().map(|d| d.render() + "\n").collect(),
        Ok(checked) => {
            let mut world = World::new();
            let end = drive::finish(&mut *drive::load(&std::sync::Arc::new(checked.code)), &mut world);
            drive::text(&world, &end)
        }
    }
}

#[test]
fn programs_print_what_the_specification_says() {
    let only = std::env::var("NEUTRON_CASE").ok();
    let mut failed = Vec::new();
    let programs = programs();
    for (name, source) in &programs {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let expected = std::fs::read_to_string(folder().join(format!("{name}.out"))).unwrap_or_default();
        let actual = std::panic::catch_unwind(|| run(source)).unwrap_or_else(|_| "it panicked\n".into());
        if actual != expected {
            println!("── {name}\n── expected\n{expected}── actual\n{actual}");
            failed.push(name.clone());
        }
    }
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), programs.len());
}
