//! Who asks.

use std::{fmt, path::PathBuf};

use zeroize::Zeroizing;

use crate::StoreError;

/// An access key of S3. Never shown.
#[derive(Clone)]
pub struct S3Credentials {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

impl S3Credentials {
    /// An access key, and the session's token if it is a temporary one.
    pub fn new(id: impl Into<String>, secret: impl Into<String>, token: Option<String>) -> Self {
        Self { id: id.into(), secret: Zeroizing::new(secret.into()), token: token.map(Zeroizing::new) }
    }

    /// Those of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; or else of the profile
    /// `AWS_PROFILE` (`default`) of the file `AWS_SHARED_CREDENTIALS_FILE` (`~/.aws/credentials`). None if there are
    /// none. Fails if one half of a pair is missing, or the file cannot be read.
    pub fn find() -> Result<Option<Self>, StoreError> {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => return Ok(Some(Self::new(id, secret, var("AWS_SESSION_TOKEN")))),
            (None, None) => {}
            (Some(_), None) => return Err(half("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not")),
            (None, Some(_)) => return Err(half("AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not")),
        }
        let given = var("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let Some(path) = given.or_else(|| Some(PathBuf::from(var("HOME")?).join(".aws/credentials"))) else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StoreError::Io {
                    what: format!("cannot read credentials from {}", path.display()),
                    source,
                });
            }
        };
        Ok(Self::from_profile(&text, &var("AWS_PROFILE").unwrap_or_else(|| "default".into())))
    }

    /// Those of a profile of a credentials file.
    fn from_profile(text: &str, profile: &str) -> Option<Self> {
        let (mut within, mut id, mut secret, mut token) = (false, None, None, None);
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                within = name.trim() == profile;
            } else if let Some((name, value)) = line.split_once('=').filter(|_| within) {
                let value = Some(value.trim().to_owned());
                match name.trim() {
                    "aws_access_key_id" => id = value,
                    "aws_secret_access_key" => secret = value,
                    "aws_session_token" => token = value,
                    _ => {}
                }
            }
        }
        Some(Self::new(id?, secret?, token))
    }

    pub(super) fn to_signer(&self) -> rusty_s3::Credentials {
        match &self.token {
            None => rusty_s3::Credentials::new(self.id.as_str(), self.secret.as_str()),
            Some(token) => {
                rusty_s3::Credentials::new_with_token(self.id.as_str(), self.secret.as_str(), token.as_str())
            }
        }
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials(…)")
    }
}

fn half(cause: &str) -> StoreError {
    StoreError::BadUrl { store: "s3".into(), cause: format!("{cause}; set both, or neither") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_in_its_section() {
        let text = "[other]\naws_access_key_id = no\naws_secret_access_key = no\n# [default]\n[ default ]\n\
                    aws_access_key_id=ID\n aws_secret_access_key = a/b=c \nregion = x\n[last]\naws_access_key_id = half";
        let found = S3Credentials::from_profile(text, "default").unwrap();
        assert_eq!((found.id.as_str(), found.secret.as_str(), found.token.is_none()), ("ID", "a/b=c", true));
        assert!(S3Credentials::from_profile(text, "last").is_none());
        assert!(S3Credentials::from_profile(text, "missing").is_none());
        assert_eq!(format!("{found:?}"), "S3Credentials(…)");
    }
}
