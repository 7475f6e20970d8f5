//! Where sources come from. The core does no I/O of its own: it reads through `Files`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A file system to read from. All paths are absolute.
pub trait Files: Send + Sync {
    /// The bytes of a file, or an error if they are more than `limit`.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// Whether there is a file, symbolic links followed.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether there is a folder, symbolic links followed.
    fn is_dir(&self, path: &Path) -> bool;

    /// The path without symbolic links and `..`.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;

    /// Whether `path` may not even be looked at here; whether there is anything stays unsaid.
    fn is_closed(&self, path: &Path) -> bool {
        let _ = path;
        false
    }
}

/// The machine's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        use io::Read as _;
        let mut bytes = Vec::new();
        // `take`, for the length of a device or a growing file is not known beforehand.
        std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        within(bytes, limit)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }
}

/// Files of which only some may be read: for code that nobody has looked at, whose imports would otherwise reach
/// whatever its user may read. Outside the fence nothing is there, unless it is asked for by name: then the error says
/// what would grant it.
pub struct Fenced<'a> {
    files: &'a dyn Files,
    may_read: &'a (dyn Fn(&Path) -> bool + Send + Sync),
}

impl<'a> Fenced<'a> {
    /// Those of `files` for whose path, free of symbolic links, `may_read` is true.
    pub fn new(files: &'a dyn Files, may_read: &'a (dyn Fn(&Path) -> bool + Send + Sync)) -> Self {
        Self { files, may_read }
    }

    /// What is not there is judged by the folder that it would be in, so that nothing tells whether it is there.
    fn open(&self, path: &Path) -> bool {
        let real = path.ancestors().find_map(|above| {
            let real = self.files.canonicalize(above).ok()?;
            Some(path.strip_prefix(above).map_or_else(|_| real.clone(), |rest| normal(&real.join(rest))))
        });
        real.is_some_and(|real| (self.may_read)(&real))
    }
}

impl Files for Fenced<'_> {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        if !self.open(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.files.read(path, limit)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.open(path) && self.files.is_file(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.open(path) && self.files.is_dir(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.files.canonicalize(path)
    }

    fn is_closed(&self, path: &Path) -> bool {
        !self.open(path)
    }
}

/// Files in memory, for tests. Folders are there if a file is in them.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
    links: BTreeMap<PathBuf, PathBuf>,
}

impl MemoryFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }

    /// Adds a symbolic link to a file or folder.
    pub fn with_link(mut self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.links.insert(path.into(), target.into());
        self
    }

    /// Follows links, as long as they do not go in a circle.
    fn real(&self, path: &Path) -> PathBuf {
        let mut path = normal(path);
        for _ in 0..=self.links.len() {
            let followed = self.links.iter().find_map(|(from, to)| Some(to.join(path.strip_prefix(from).ok()?)));
            match followed {
                Some(next) => path = normal(&next),
                None => break,
            }
        }
        path
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let bytes = self.files.get(&self.real(path)).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        within(bytes.clone(), limit)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(&self.real(path))
    }

    fn is_dir(&self, path: &Path) -> bool {
        let path = self.real(path);
        self.files.keys().any(|file| file.starts_with(&path) && *file != path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(self.real(path))
    }
}

fn within(bytes: Vec<u8>, limit: u64) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The path without `.` and `..`, by its text alone.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
