//! What names, dotted paths and references to nodes look like.

use crate::limits;

/// Where the implementation of a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference<'a> {
    /// Registered under a name.
    Registered(&'a str),
    /// `./nodes.ts#export`: an export or function of a file.
    File {
        /// The file, relative to the document.
        file: &'a str,
        /// The export or function; the default export if none is named.
        name: Option<&'a str>,
    },
    /// `shell:COMMAND`.
    Shell(&'a str),
    /// `http://…` or `https://…`.
    Http(&'a str),
    /// `photon:NAME.METHOD`.
    Photon {
        /// The photon.
        name: &'a str,
        /// The method; may be left out where the photon has one.
        method: Option<&'a str>,
    },
}

impl<'a> Reference<'a> {
    /// Reads a reference; every text that has no other form is a registered name.
    pub fn parse(text: &'a str) -> Self {
        if let Some(command) = text.strip_prefix("shell:") {
            return Self::Shell(command.trim());
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Self::Http(text);
        }
        if let Some(target) = text.strip_prefix("photon:") {
            let (name, method) = target.split_once('.').map_or((target, None), |(name, method)| (name, Some(method)));
            return Self::Photon { name, method };
        }
        if text.starts_with("./") || text.starts_with("../") {
            let (file, name) = text.rsplit_once('#').map_or((text, None), |(file, name)| (file, Some(name)));
            return Self::File { file, name };
        }
        Self::Registered(text)
    }
}

/// The names by which members that are references stand in cursors: of a file's function its name, if no other member
/// has it; otherwise the whole reference, with another stroke for `/`, which separates the names of a cursor.
pub(crate) fn member_names(members: &[String]) -> Vec<String> {
    let short = |member: &str| match Reference::parse(member) {
        Reference::File { name: Some(name), .. } if !name.contains('/') => name.to_owned(),
        _ => member.replace('/', "∕"),
    };
    let names: Vec<String> = members.iter().map(|member| short(member)).collect();
    let full = |(member, name): (&String, &String)| match names.iter().filter(|other| *other == name).count() {
        1 => name.clone(),
        _ => member.replace('/', "∕"),
    };
    members.iter().zip(&names).map(full).collect()
}

/// What is wrong with a reference to a node.
pub(crate) fn reference_fault(text: &str) -> Option<String> {
    if text.len() > limits::REFERENCE {
        return Some(format!("is longer than {} bytes", limits::REFERENCE));
    }
    match Reference::parse(text) {
        Reference::Registered("") => Some(
            "is empty; name a node, a file's export (./nodes.ts#name), shell:COMMAND, \
            photon:NAME.METHOD or an http URL"
                .into(),
        ),
        Reference::Registered(name) if name.chars().any(char::is_control) => Some("holds control characters".into()),
        Reference::Photon { name: "", .. } | Reference::Photon { method: Some(""), .. } => {
            Some("names no method of a photon; write photon:NAME.METHOD".into())
        }
        Reference::Shell("") => Some("names no command; write it behind `shell:`".into()),
        Reference::File { file, name } => match (file.rsplit('/').next(), name) {
            (_, Some("")) => Some("names no export behind `#`; name one or drop the `#`".into()),
            (Some("" | "." | ".."), _) => Some("names a folder; name a file, as in ./nodes.ts#name".into()),
            _ => None,
        },
        Reference::Http(url) if url.split_once("//").is_none_or(|(_, host)| host.is_empty()) => {
            Some("has no host; write the whole URL".into())
        }
        _ => None,
    }
}

/// What is wrong with the name of a placement, a port or a DAG.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty; give it a name".into());
    }
    if name.len() > limits::NAME {
        return Some(format!("is longer than {} bytes; shorten it", limits::NAME));
    }
    if name.contains('/') || name.chars().any(char::is_control) {
        return Some("may not hold `/` or control characters, since cursors are made of names".into());
    }
    None
}

/// What is wrong with a dotted path.
pub(crate) fn path_fault(path: &str) -> Option<String> {
    if path.is_empty() || path.split('.').any(str::is_empty) {
        return Some("is not a dotted path; write names joined by single dots, as in order.items".into());
    }
    if path.len() > limits::PATH {
        return Some(format!("is longer than {} bytes; shorten it", limits::PATH));
    }
    let forbidden = path.split('.').find(|part| matches!(*part, "__proto__" | "constructor" | "prototype"))?;
    Some(format!("may not pass through `{forbidden}`; name the field otherwise"))
}
