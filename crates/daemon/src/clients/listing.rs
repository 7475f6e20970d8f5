//! What tools a server has, kept on disk between processes.
//!
//! How a tool's effect is treated after a crash depends on what its server said of it. A run is taken up before its
//! servers are started again, so that must be known without them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rmcp::model::Tool;
use run::EffectClass;

/// The longest list that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// The tools of a server as it named them last.
pub struct Listing {
    file: PathBuf,
    tools: RwLock<Option<Arc<Vec<Tool>>>>,
}

impl Listing {
    /// The list that was kept in `folder` for the server.
    pub fn open(folder: &Path, server: &str) -> Self {
        let file = folder.join(format!("{server}.json"));
        // Without a file that can be read, the server is asked.
        let kept = std::fs::metadata(&file).ok().filter(|meta| meta.len() <= LONGEST);
        let bytes = kept.and_then(|_| std::fs::read(&file).ok());
        let tools = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).map(Arc::new);
        Self { file, tools: RwLock::new(tools) }
    }

    /// The tools, if they are known.
    pub fn tools(&self) -> Option<Arc<Vec<Tool>>> {
        self.tools.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server has named its tools.
    pub fn set(&self, tools: Vec<Tool>) {
        let tools = Arc::new(tools);
        let before = self.tools.write().unwrap_or_else(PoisonError::into_inner).replace(tools.clone());
        if before.as_ref() != Some(&tools)
            && let Err(error) = self.keep(&tools)
        {
            tracing::warn!("the tools of an MCP server could not be kept in {}: {error}", self.file.display());
        }
    }

    fn keep(&self, tools: &[Tool]) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        aside.write_all(&serde_json::to_vec(tools)?)?;
        aside.as_file().sync_all()?;
        aside.persist(&self.file).map_err(|e| e.error)?;
        Ok(())
    }

    /// What calling a tool does to the world, as its server says: what only reads is done again without thought; what
    /// destroys and may not be done twice waits for a person's word after a crash.
    pub fn class(&self, tool: &str) -> EffectClass {
        let tools = self.tools();
        let hints = tools.as_ref().and_then(|tools| tools.iter().find(|held| held.name == tool)?.annotations.as_ref());
        match hints {
            Some(hints) if hints.read_only_hint == Some(true) => EffectClass::Read,
            Some(hints) if hints.destructive_hint == Some(true) && hints.idempotent_hint == Some(false) => {
                EffectClass::AtMostOnce
            }
            _ => EffectClass::Write,
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{JsonObject, ToolAnnotations};

    use super::*;

    #[test]
    fn classes_are_known_without_the_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let tool = |name: &'static str, hints| Tool::new(name, "", JsonObject::new()).with_annotations(hints);
        let hints = ToolAnnotations::new;
        let listing = Listing::open(folder.path(), "s");
        assert_eq!((listing.tools(), listing.class("read")), (None, EffectClass::Write));
        listing.set(vec![
            tool("read", hints().read_only(true)),
            tool("pay", hints().destructive(true).idempotent(false)),
            tool("maybe", hints().destructive(true)),
            tool("put", hints().destructive(true).idempotent(true)),
        ]);
        let again = Listing::open(folder.path(), "s");
        for (name, class) in [
            ("read", EffectClass::Read),
            ("pay", EffectClass::AtMostOnce),
            ("maybe", EffectClass::Write),
            ("put", EffectClass::Write),
            ("absent", EffectClass::Write),
        ] {
            assert_eq!(again.class(name), class, "{name}");
        }
        std::fs::write(folder.path().join("s.json"), "[{").expect("written");
        assert_eq!(Listing::open(folder.path(), "s").tools(), None, "a damaged file is as good as none");
    }
}
