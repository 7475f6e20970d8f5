//! Paths without symbolic links, which grants are compared with.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As in Linux: more links than this in one path are taken for a circle.
const MAX_LINKS: u32 = 40;

/// The path that the system would reach by `path` (which is absolute): links followed, `..` taken from where a link
/// led. With `follow` false a link in the last place is kept. What does not exist is taken as it is written, since it
/// may be about to be made; what cannot be looked at too, since opening it will fail and say why.
pub(crate) fn walk(path: &Path, follow: bool) -> io::Result<PathBuf> {
    let mut reached = PathBuf::from("/");
    let mut links = 0;
    let mut rest: VecDeque<OsString> = parts(path);
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            reached.pop();
            continue;
        }
        reached.push(&part);
        if rest.is_empty() && !follow {
            break;
        }
        let Ok(meta) = std::fs::symlink_metadata(&reached) else { continue };
        if !meta.is_symlink() {
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        let target = std::fs::read_link(&reached)?;
        reached.pop();
        if target.is_absolute() {
            reached = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(reached)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// Files of the system through which a program gets at memory, environment, devices or the kernel: a grant of files
/// does not reach them, only `--allow-all` does.
pub(crate) fn is_back_door(path: &Path) -> bool {
    const HARMLESS: [&str; 9] = ["null", "zero", "full", "random", "urandom", "stdin", "stdout", "stderr", "tty"];
    let mut parts = path.components().skip(1).map(|part| part.as_os_str().to_string_lossy());
    match parts.next().as_deref() {
        Some("proc") => match parts.next().as_deref() {
            Some(process) if process == "self" || process == "thread-self" || process.parse::<u32>().is_ok() => true,
            Some("kcore" | "kmem" | "kallsyms" | "sysrq-trigger" | "sys") => true,
            _ => false,
        },
        Some("sys") => true,
        Some("dev") => match parts.next().as_deref() {
            Some("shm") | None => false,
            Some(device) => !HARMLESS.contains(&device) || parts.next().is_some(),
        },
        _ => false,
    }
}
