//! Scheduled calls in files, one each: `{home}/schedules/{id}.json`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use host::FileLock;

use super::task::Task;
use crate::broker::private_folder;

/// The files.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
    locks: PathBuf,
}

/// Tasks of one photon.
const MOST: usize = 1_000;

impl Shelf {
    /// The tasks of `home`.
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("schedules"), locks: home.join("locks") }
    }

    /// All tasks, in the order of their ids. One that cannot be read is left out, with a warning.
    pub fn all(&self) -> Vec<Task> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
        files.sort();
        let read = |path: PathBuf| {
            let task = std::fs::read(&path).ok().map(|bytes| serde_json::from_slice::<Task>(&bytes))?;
            let named = |task: &Task| path.file_stem().is_some_and(|stem| stem == task.id.as_str());
            match task {
                Ok(task) if named(&task) => Some(task),
                Ok(_) => {
                    tracing::warn!("{} is left out: it is not named after its id", path.display());
                    None
                }
                Err(error) => {
                    tracing::warn!("{} is left out: {error}", path.display());
                    None
                }
            }
        };
        files.into_iter().filter_map(read).collect()
    }

    /// The tasks of a photon.
    pub fn of(&self, photon: &str) -> Vec<Task> {
        let mut all = self.all();
        all.retain(|task| task.photon_id == photon);
        all
    }

    /// Changes tasks while nobody else does. What takes long must not be done here.
    pub(super) fn change<T>(&self, work: impl FnOnce(&Self) -> Result<T, String>) -> Result<T, String> {
        let began = std::time::Instant::now();
        let _lock = loop {
            match FileLock::try_take(&self.locks, "schedules", "who changes schedules") {
                Ok(Some(lock)) => break lock,
                Ok(None) if began.elapsed().as_secs() < 10 => std::thread::sleep(std::time::Duration::from_millis(5)),
                Ok(None) => return Err("the schedules are being changed by another process: try again".into()),
                Err(error) => return Err(format!("the schedules cannot be changed: {error}")),
            }
        };
        work(self)
    }

    /// Adds a task.
    pub(super) fn add(&self, task: &Task) -> Result<(), String> {
        let others = self.of(&task.photon_id);
        if others.iter().any(|other| other.name == task.name) {
            return Err(format!("{} has a schedule {:?} already", task.photon_id, task.name));
        }
        if others.len() >= MOST {
            return Err(format!("{} has {MOST} schedules already", task.photon_id));
        }
        self.put(task)
    }

    /// Writes a task: whole or not at all.
    pub(super) fn put(&self, task: &Task) -> Result<(), String> {
        let put = || -> io::Result<()> {
            private_folder(&self.folder)?;
            let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
            aside.write_all(&serde_json::to_vec_pretty(task)?)?;
            aside.as_file().sync_all()?;
            aside.persist(self.folder.join(format!("{}.json", task.id))).map_err(|e| e.error)?;
            std::fs::File::open(&self.folder)?.sync_all()
        };
        put().map_err(|error| format!("the schedule {:?} cannot be kept: {error}", task.name))
    }

    /// Removes a task; `false` if there is none.
    pub(super) fn remove(&self, id: &str) -> Result<bool, String> {
        match std::fs::remove_file(self.folder.join(format!("{id}.json"))) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(format!("the schedule {id:?} cannot be removed: {error}")),
        }
    }
}
