//! What an answer was made of, so that it can be used again for as long as nothing of that has changed.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::files::{Files, OsFiles};

/// Two changes of a file that lie closer together may carry the same time: some ticks of the slowest kernel clock.
const TICK: Duration = Duration::from_millis(30);

/// The same on file systems that keep no fractions of seconds.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The machine's files, with a memory of everything that was asked of them.
#[derive(Debug)]
pub struct Watched {
    began: SystemTime,
    asked: Mutex<HashMap<(PathBuf, Asked), Answer>>,
}

/// What files were asked, and what they answered.
#[derive(Clone, Debug)]
pub struct Seen(Option<Vec<(PathBuf, Answer)>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Asked {
    Content,
    Kind,
    Real,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    /// What was read there, or was not there to be read.
    Content(Option<Stamp>),
    /// Whether a file or a folder is there.
    Kind { file: bool, folder: bool },
    /// Where links lead.
    Real(Option<PathBuf>),
}

/// What a file cannot change without: each change of a file gives it a new time of change, which nobody can set.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        Self {
            device: data.dev(),
            inode: data.ino(),
            len: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }

    /// Whether a change after `at` is sure to give the file another time.
    fn is_settled(&self, at: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
        let tick = if nanos == 0 { COARSE_TICK } else { TICK };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        changed.checked_add(tick).is_some_and(|settled| settled <= at)
    }
}

impl Answer {
    fn now(path: &Path, asked: Asked) -> Self {
        let data = || std::fs::metadata(path).ok();
        match asked {
            Asked::Content => Self::Content(data().as_ref().map(Stamp::of)),
            Asked::Kind => {
                let data = data();
                let is = |what: fn(&Metadata) -> bool| data.as_ref().is_some_and(what);
                Self::Kind { file: is(Metadata::is_file), folder: is(Metadata::is_dir) }
            }
            Asked::Real => Self::Real(path.canonicalize().ok()),
        }
    }

    fn asked(&self) -> Asked {
        match self {
            Self::Content(_) => Asked::Content,
            Self::Kind { .. } => Asked::Kind,
            Self::Real(_) => Asked::Real,
        }
    }
}

impl Watched {
    /// Nothing was asked yet.
    #[expect(clippy::new_without_default, reason = "it begins now")]
    pub fn new() -> Self {
        Self { began: SystemTime::now(), asked: Mutex::default() }
    }

    /// What was asked until now. A file that was changed just before cannot be told from one that is changed once more
    /// within the same tick of the file system's clock: an answer that it is part of counts as changed from the start,
    /// so that it is never used again. One that is asked for later is.
    pub fn seen(self) -> Seen {
        let asked = self.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        let settled = |answer: &Answer| match answer {
            Answer::Content(Some(stamp)) => stamp.is_settled(self.began),
            _ => true,
        };
        let all = asked.values().all(settled);
        Seen(all.then(|| asked.into_iter().map(|((path, _), answer)| (path, answer)).collect()))
    }

    /// Notes an answer before it is used, so that a change behind it shows. The first one counts.
    fn note(&self, path: &Path, asked: Asked) -> Answer {
        let mut known = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = Answer::now(path, asked);
        known.entry((path.to_owned(), asked)).or_insert_with(|| answer.clone());
        answer
    }
}

impl Seen {
    /// How many looks [`is_current`](Self::is_current) takes at most.
    pub fn looks(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }

    /// Whether the files would answer the same now, each of them: also those that were not there. Costs a look at the
    /// attributes of each, and reads none.
    pub fn is_current(&self) -> bool {
        self.0.as_ref().is_some_and(|all| all.iter().all(|(path, then)| Answer::now(path, then.asked()) == *then))
    }
}

impl Files for Watched {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.note(path, Asked::Content);
        OsFiles.read(path, limit)
    }

    fn is_file(&self, path: &Path) -> bool {
        matches!(self.note(path, Asked::Kind), Answer::Kind { file: true, .. })
    }

    fn is_dir(&self, path: &Path) -> bool {
        matches!(self.note(path, Asked::Kind), Answer::Kind { folder: true, .. })
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.note(path, Asked::Real);
        OsFiles.canonicalize(path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Bundles `main.ts` of a folder until its files count as settled.
    fn bundled(folder: &Path) -> Seen {
        let deadline = SystemTime::now() + Duration::from_secs(10);
        loop {
            let files = Watched::new();
            crate::bundle(&files, &folder.join("main.ts")).expect("code");
            let seen = files.seen();
            if seen.is_current() {
                return seen;
            }
            assert!(SystemTime::now() < deadline, "the files never settle");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn every_change_of_what_a_bundle_is_made_of_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write(
            "main.ts",
            "import { a } from './a';\nimport b from 'b';\nimport c from './link/c.js';\nexport default [a, b, c];",
        );
        write("a.ts", "export const a = 1;");
        write("node_modules/b/package.json", r#"{"name":"b","main":"one.js"}"#);
        write("node_modules/b/one.js", "module.exports = 1;");
        write("node_modules/b/two.js", "module.exports = 2;");
        write("one/c.js", "export default 1;");
        write("two/c.js", "export default 2;");
        std::os::unix::fs::symlink(root.join("one"), root.join("link")).expect("a link");
        type Change<'a> = (&'a str, Box<dyn Fn() + 'a>);
        let changes: Vec<Change<'_>> = vec![
            (
                "the entry",
                Box::new(|| {
                    write(
                        "main.ts",
                        "import { a } from './a';\nimport b from 'b';\nimport c from './link/c.js';\nexport default [c, b, a];",
                    )
                }),
            ),
            ("an import, of the same length", Box::new(|| write("a.ts", "export const a = 2;"))),
            (
                "an import, of the same length and with the time of before",
                Box::new(|| {
                    let modified = fs::metadata(root.join("a.ts")).and_then(|data| data.modified()).expect("a time");
                    write("a.ts", "export const a = 3;");
                    let file = fs::File::options().write(true).open(root.join("a.ts")).expect("a file");
                    file.set_modified(modified).expect("set");
                }),
            ),
            (
                "another file in the place of an import",
                Box::new(|| {
                    write("a.new", "export const a = 4;");
                    fs::rename(root.join("a.new"), root.join("a.ts")).expect("renamed");
                }),
            ),
            ("a package's main", Box::new(|| write("node_modules/b/package.json", r#"{"name":"b","main":"two.js"}"#))),
            ("a package's file", Box::new(|| write("node_modules/b/two.js", "module.exports = 3;"))),
            ("a file that goes before one that was found", Box::new(|| write("a", "export const a = 5;"))),
            ("a package.json where there was none", Box::new(|| write("package.json", r#"{"type":"module"}"#))),
            (
                "a link that leads elsewhere",
                Box::new(|| {
                    fs::remove_file(root.join("link")).expect("removed");
                    std::os::unix::fs::symlink(root.join("two"), root.join("link")).expect("a link");
                }),
            ),
            ("a file that is gone", Box::new(|| fs::remove_file(root.join("a")).expect("removed"))),
        ];
        for (what, change) in changes {
            let seen = bundled(&root);
            write("beside.ts", what);
            assert!(seen.is_current(), "before: {what}");
            change();
            assert!(!seen.is_current(), "{what}");
        }
    }

    #[test]
    fn what_was_changed_just_now_is_not_trusted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("main.ts");
        let when = Stamp::of(&fs::metadata(folder.path()).expect("a folder"));
        let changed = SystemTime::UNIX_EPOCH + Duration::new(when.changed.0 as u64, when.changed.1 as u32);
        assert!(!when.is_settled(changed) && !when.is_settled(changed + TICK / 2));
        assert!(when.is_settled(changed + COARSE_TICK));
        let coarse = Stamp { changed: (when.changed.0, 0), ..when };
        assert!(!coarse.is_settled(SystemTime::UNIX_EPOCH + Duration::from_secs(coarse.changed.0 as u64 + 1)));
        // The clock is read first: a file that is made now is never settled for it.
        let files = Watched::new();
        fs::write(&path, "export default 1;").expect("written");
        files.read(&path, 100).expect("read");
        let seen = files.seen();
        std::thread::sleep(TICK * 2);
        assert!(!seen.is_current());
    }
}
