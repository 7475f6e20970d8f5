//! The folder that a photon has of its own, without any grant.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::{call_bytes, code, host, value};

#[tokio::test]
async fn a_photon_uses_its_own_folder_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(&[], dir.path());
    let home = dir.path().join("home");
    let at = |path: &str| home.join(path).to_string_lossy().into_owned();
    assert_eq!(value(&host, "process.info", json!({})).await["home"], json!(home.to_string_lossy()));
    value(&host, "fs.mkdir", json!({"path": at("data/counter/pics"), "recursive": true})).await;
    let file = at("data/counter/pics/a");
    call_bytes(&host, "fs.writeFile", json!({"path": file, "flag": "w"}), b"x").await.unwrap();
    assert_eq!(value(&host, "fs.stat", json!({"path": file})).await["size"], json!(1));
    for beside in ["data", "data/other", "data/counter2", "state/counter", "data/counter/../other/a"] {
        assert_eq!(code(&host, "fs.readdir", json!({"path": at(beside)})).await, "EPERM", "{beside}");
    }
}

#[tokio::test]
async fn a_link_in_it_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "s").unwrap();
    let data = dir.path().join("home/data");
    std::fs::create_dir_all(data.join("counter")).unwrap();
    symlink(dir.path(), data.join("counter/out")).unwrap();
    let host = host(&[], dir.path());
    let through = json!({"path": data.join("counter/out/secret").to_string_lossy()});
    assert_eq!(code(&host, "fs.readFile", through).await, "EPERM");
    // Not even where the folder itself is a link.
    std::fs::remove_dir_all(data.join("counter")).unwrap();
    symlink(dir.path(), data.join("counter")).unwrap();
    let through = json!({"path": data.join("counter/secret").to_string_lossy()});
    assert_eq!(code(&host, "fs.readFile", through).await, "EPERM");
}

#[tokio::test]
async fn a_denial_goes_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("home/data/counter");
    std::fs::create_dir_all(&folder).unwrap();
    let path: Value = folder.to_string_lossy().into();
    let denied = host(&[&format!("--deny-write={}", folder.display())], dir.path());
    value(&denied, "fs.readdir", json!({"path": path})).await;
    assert_eq!(code(&denied, "fs.rmdir", json!({"path": path})).await, "EPERM");
}
