//! Where a program wants to connect to, and as whom.

use reqwest::Url;
use run::{Failure, Payload};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_postgres::config::{Config, Host};

/// What a program says of a connection, as in node-postgres.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Connection {
    connection_string: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    ssl: Option<Ssl>,
}

/// `true`, or whom to trust.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ssl {
    On(bool),
    With { ca: Option<String> },
}

/// All that decides on a connection. Without `Debug`, as the password is in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    pub tls: Tls,
}

/// Whether, and by whose word, the connection is encrypted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Tls {
    Off,
    /// With the authorities of the machine.
    On,
    /// With these, in PEM.
    By(String),
}

impl Address {
    /// For messages.
    pub fn place(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The arguments without the password.
pub(crate) fn recorded(args: &Payload) -> Payload {
    let mut value = args.json.value();
    // What is too deep to be read is not recorded at all, rather than with a password.
    if !value.is_object() {
        return Payload::null();
    }
    if let Some(connection) = value.get_mut("connection") {
        *connection = shown(connection);
    }
    Payload::from(value)
}

/// Only what is known to hold no secret.
fn shown(connection: &Value) -> Value {
    let mut out = Map::new();
    for name in ["host", "port", "user", "database"] {
        if let Some(value) = connection.get(name).filter(|value| !value.is_null()) {
            out.insert(name.into(), value.clone());
        }
    }
    if let Some(text) = connection.get("connectionString").and_then(Value::as_str) {
        let url = parsed(text).ok().map(|mut url| {
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        });
        out.insert("connectionString".into(), url.unwrap_or_default().into());
    }
    Value::Object(out)
}

fn bad(text: &str) -> Failure {
    Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", format!("pg: {text}"))
}

/// The address as a URL. The error never shows it.
fn parsed(text: &str) -> Result<Url, Failure> {
    let form = "a connection string has the form postgres://user:password@host:5432/database, with # ? / @ : of a \
                password written as %23 %3F %2F %40 %3A";
    let url = Url::parse(text).map_err(|_| bad(form))?;
    let scheme = matches!(url.scheme(), "postgres" | "postgresql");
    // A password with such a sign in it would be cut, and a part of it be taken for a port.
    let cut =
        url.fragment().is_some() || url.query().is_some_and(|query| query.contains('@')) || url.path().contains('@');
    if scheme && !cut { Ok(url) } else { Err(bad(form)) }
}

impl Connection {
    /// The whole address; what is not said comes from the environment, as far as that may be read.
    pub fn address(&self, env: impl Fn(&str) -> Option<String>) -> Result<Address, Failure> {
        let mut said = self.of_string()?;
        let host = said.host.take().or_else(|| self.host.clone()).or_else(|| env("PGHOST"));
        let host = host.unwrap_or_else(|| "localhost".into());
        if host.starts_with('/') || host.is_empty() {
            return Err(bad("a socket in a folder cannot be permitted: name a host and a port"));
        }
        let port = match said.port.or(self.port) {
            Some(port) => port,
            None => match env("PGPORT") {
                Some(text) => text.parse().map_err(|_| bad("PGPORT is no port: 1 to 65535 is expected"))?,
                None => 5432,
            },
        };
        let user = said.user.take().or_else(|| self.user.clone()).or_else(|| env("PGUSER")).or_else(|| env("USER"));
        let user = user.ok_or_else(|| {
            bad("who connects is not said: give `user`, or set PGUSER and run again with --allow-env=PGUSER")
        })?;
        let database = said.database.take().or_else(|| self.database.clone()).or_else(|| env("PGDATABASE"));
        let tls = match (&self.ssl, said.tls) {
            (Some(Ssl::With { ca: Some(ca) }), _) => Tls::By(ca.clone()),
            (Some(Ssl::With { ca: None } | Ssl::On(true)), _) | (_, true) => Tls::On,
            _ => Tls::Off,
        };
        Ok(Address {
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port,
            database: database.unwrap_or_else(|| user.clone()),
            user,
            password: said.password.take().or_else(|| self.password.clone()).or_else(|| env("PGPASSWORD")),
            tls,
        })
    }

    fn of_string(&self) -> Result<Said, Failure> {
        let Some(text) = &self.connection_string else { return Ok(Said::default()) };
        let mut url = parsed(text)?;
        let mut said = Said::default();
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("sslmode", "disable") => said.tls = false,
                ("sslmode", "prefer" | "require" | "verify-ca" | "verify-full") | ("ssl", "true" | "1") => {
                    said.tls = true;
                }
                ("sslmode", _) => {
                    return Err(bad("sslmode is disable or verify-full; certificates are always checked"));
                }
                ("host" | "hostaddr" | "port", _) => {
                    return Err(bad("write host and port before the path of the connection string, not behind `?`"));
                }
                _ => {}
            }
        }
        url.set_query(None);
        // Its errors name options, never values; but they are of no help either.
        let config: Config = url.as_str().parse().map_err(|_| bad("the connection string cannot be read"))?;
        said.host = match config.get_hosts() {
            [] => None,
            [Host::Tcp(name)] => Some(name.clone()),
            _ => return Err(bad("one host is expected in a connection string")),
        };
        said.port = config.get_ports().first().copied();
        said.user = config.get_user().map(str::to_owned);
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.into()).map_err(|_| bad("the password is not UTF-8"));
        said.password = config.get_password().map(utf8).transpose()?;
        said.database = config.get_dbname().map(str::to_owned);
        Ok(said)
    }
}

/// What a connection string says.
#[derive(Default)]
struct Said {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    tls: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value, env: &[(&str, &str)]) -> Result<Address, Failure> {
        let connection: Connection = serde_json::from_value(value).expect("a connection");
        connection.address(|name| env.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
    }

    #[track_caller]
    fn check(value: Value, env: &[(&str, &str)], expected: (&str, u16, &str, Option<&str>, &str)) {
        let Ok(address) = of(value.clone(), env) else { panic!("{value} is an address") };
        let Address { host, port, user, password, database, .. } = &address;
        assert_eq!((&**host, *port, &**user, password.as_deref(), &**database), expected, "{value}");
    }

    #[test]
    fn addresses_are_read() {
        let text = "postgres://me:p%40ss@DB.example.com:6000/x?application_name=a";
        check(json!({ "connectionString": text }), &[], ("db.example.com", 6000, "me", Some("p@ss"), "x"));
        check(json!({ "user": "me" }), &[], ("localhost", 5432, "me", None, "me"));
        check(
            json!({}),
            &[("PGHOST", "h"), ("PGPORT", "1"), ("PGUSER", "u"), ("PGPASSWORD", "p"), ("PGDATABASE", "d")],
            ("h", 1, "u", Some("p"), "d"),
        );
        check(json!({ "host": "[::1]", "user": "u" }), &[("PGHOST", "h")], ("::1", 5432, "u", None, "u"));
        let tls = |value| of(value, &[]).map(|address| address.tls != Tls::Off).expect("an address");
        assert!(tls(json!({ "user": "u", "ssl": true })));
        assert!(tls(json!({ "connectionString": "postgres://u@h/d?sslmode=require" })));
        assert!(!tls(json!({ "connectionString": "postgres://u@h/d?sslmode=disable", "ssl": false })));
    }

    #[test]
    fn what_goes_around_the_permissions_or_shows_a_password_is_refused() {
        for text in [
            "postgres://me:secret@h/d?host=other",
            "postgres://me:secret@h/d?port=1",
            "postgres://me:secret@%2Fvar%2Frun/d",
            "postgres://me:secret@one,two/d",
            "postgres://me:12#secret@h/d",
            "postgres://me:12?secret@h/d",
            "postgres://me:12/secret@h/d",
            "mysql://me:secret@h/d",
            "host=h password=secret",
            "secret",
            "postgres://me:secret@h/d?sslmode=no-verify",
        ] {
            let refused = of(json!({ "connectionString": text }), &[]).err().expect(text);
            assert!(!refused.message.contains("secret"), "{text}: {refused}");
            let args = Payload::from(json!({ "connection": { "connectionString": text, "password": "secret" } }));
            assert!(!recorded(&args).json.get().contains("secret"), "{text}");
        }
        assert!(of(json!({ "host": "/var/run", "user": "u" }), &[]).is_err());
        assert!(of(json!({}), &[]).is_err_and(|refused| refused.message.contains("--allow-env=PGUSER")));
    }
}
